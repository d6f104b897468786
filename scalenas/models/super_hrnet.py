"""The HRNet supernet, and where its networks' weights lie: one map for training and export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, final

from torch import Tensor, nn

from scalenas.arch import HRArch, HRStage, module_of
from scalenas.space import HRSpace

from .hrnet import AbstractHRNet
from .layers import norm_abbreviation
from .supernet import Supernet, as_space
from .weight_slices import NORM_KEYS, WeightSlice, WeightSlices, cut_state_dict

T = TypeVar('T')
_LAST = re.compile(r'^stage(\d+)\.(\d+)\.fuse_layers\.')


def full_arch(space: HRSpace) -> HRArch:
    """All that a supernet of `space` holds: the deepest modules with every fusion at every step.

    This is more than the largest network where outputs are single or the space is restricted.
    """
    depth, largest = max(space.depth), space.largest()
    stages = []
    for s, stage in enumerate(largest.stages, 2):
        module = module_of([depth] * s, range(depth))
        stages.append(HRStage(stage.channels, (module,) * len(stage.modules)))
    return largest.with_(stages=tuple(stages))


def super_names(arch: HRArch) -> dict[str, str]:
    """Module path of every convolution of `arch` -> its path in the supernet.

    They differ in one thing: a supernet numbers the fusions of each step, for the last step of
    one network is not the last of another.
    """
    steps = {
        (str(s), str(m)): module.num_steps
        for s, stage in enumerate(arch.stages, 2)
        for m, module in enumerate(stage.modules)
    }

    def numbered(name: str) -> str:
        return _LAST.sub(
            lambda hit: f'{hit[0][:-1]}_{steps[hit[1], hit[2]]}.',
            name,
        )

    return {layer.name: numbered(layer.name) for layer in arch.layers((64, 64)) if layer.norm}


def norm_map(arch: HRArch, norm: str = 'bn') -> dict[str, str]:
    """Module path of every norm of `arch` -> its path in the supernet."""
    return {_norm_of(a, norm): _norm_of(b, norm) for a, b in super_names(arch).items()}


def own_keys(arch: HRArch) -> dict[str, str]:
    """State-dict keys of `arch`, each to itself: HRNet in the OpenMMLab packages has the same."""
    return {key: key for key in _held_keys(arch, 'bn')}


def keys_within(whole: HRArch, part: HRArch, norm: str) -> dict[str, str]:
    """State-dict key of `part` -> that of `whole`, which contains it.

    Both are named like the supernet's there: the last step of one may not be that of the other. A
    key of `part` that `whole` has not goes to itself.
    """
    names = {there: own for own, there in _held_keys(whole, norm).items()}
    return {own: names.get(there, own) for own, there in _held_keys(part, norm).items()}


def _held_keys(arch: HRArch, norm: str) -> dict[str, str]:
    keys = {f'{a}.weight': f'{b}.weight' for a, b in super_names(arch).items()}
    for a, b in norm_map(arch, norm).items():
        keys |= {f'{a}.{key}': f'{b}.{key}' for key in NORM_KEYS[norm]}
    return keys


def key_map(space: HRSpace, arch: HRArch, norm: str = 'bn') -> dict[str, str]:
    """State-dict key of `arch` -> the supernet's key; shapes are the same.

    `norm` is the short name of the norm layers, 'bn' or 'gn'.

    Raises:
        SpaceError: when the arch is not in the space.
    """
    space.encode(arch)
    return _held_keys(arch, norm)


def slice_state_dict(
    supernet_state: Mapping[str, T], space: HRSpace, arch: HRArch, prefix: str = 'backbone.'
) -> dict[str, T]:
    """The state dict of the model with `arch` as its backbone; values are shared, not copied.

    Entries without `prefix` (heads, necks) are kept as they are.

    Raises:
        SpaceError: when the arch is not in the space.
        CheckpointError: when the state dict is not of a supernet of this space.
    """
    norm = 'bn' if f'{prefix}bn1.weight' in supernet_state else 'gn'
    parts = {key: WeightSlice(held) for key, held in key_map(space, arch, norm).items()}
    return cut_state_dict(supernet_state, parts, prefix)


def _norm_of(conv: str, norm: str) -> str:
    """'...conv2' -> '...bn2', '...0' -> '...1'."""
    path, _, last = conv.rpartition('.')
    name = f'{norm}{last[4:]}' if last.startswith('conv') else '1'
    return f'{path}.{name}' if path else name


@final
class SuperScaleHRNet(AbstractHRNet, Supernet[HRArch]):
    """Every network of `space` in one set of weights; runs the active one, and only that.

    Holds all blocks and all fusions of the deepest network, whatever `space` leaves out: the
    checkpoints of a space and of its sub-spaces have the same keys, those of the released
    ScaleNAS supernets. The largest network is active by default.

    Raises:
        UserError: for a space that is none, or arguments that exclude each other.
    """

    space: HRSpace

    def __init__(
        self,
        space: HRSpace | Mapping[str, Any] | str,
        conv_cfg: Mapping[str, Any] | None = None,
        norm_cfg: Mapping[str, Any] | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        frozen_stages: int = -1,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        space = as_space(space, HRSpace)
        super().__init__(
            full_arch(space),
            space.largest(),
            True,
            conv_cfg,
            norm_cfg,
            norm_eval,
            with_cp,
            zero_init_residual,
            frozen_stages,
            pretrained,
            init_cfg,
        )
        self.space = space
        self._norm_cfg = dict(norm_cfg or {'type': 'BN'})
        self._norm = norm_abbreviation(self._norm_cfg)

    def _begun(self, x: Tensor) -> list[Tensor]:
        # Genes begin with stage 2.
        maps: list[Tensor] = self.once(super()._begun, x)
        return maps

    def units(self) -> Iterator[nn.Module]:
        """Residual blocks, and conversions between branches; not those of the beginning."""
        for s in range(2, len(self.active_arch.stages) + 2):
            if s > 2:
                yield from self.get_submodule(f'transition{s - 1}').children()
            for module in self.get_submodule(f'stage{s}').children():
                yield from module.units()

    def norm_names(self, arch: HRArch) -> Iterable[str]:
        """Paths of the norms that `arch` runs, without those of its other weights."""
        self.space.encode(arch)
        return norm_map(arch, self._norm).values()

    def sharing(self) -> dict[str, Any]:
        """Its type, and its norms, whose names `slices` has."""
        return {**super().sharing(), 'norm_cfg': self._norm_cfg}

    def neutral_norms(self, arch: HRArch) -> set[str]:
        """Norms at the end of every residual block and fusion that `arch` lacks.

        A block then gives relu(x), and x is not negative; a fusion adds zero before its ReLU.
        """
        used = set(super_names(arch).values())
        ends = {}
        for conv in super_names(full_arch(self.space)).values():
            # Those of a block, or of one conversion of a fusion, come in order: the last stays.
            if conv not in used and conv.startswith('stage'):
                ends['.'.join(conv.split('.')[:5])] = conv
        return {_norm_of(conv, self._norm) for conv in ends.values()}

    def slices(self, arch: HRArch) -> WeightSlices:
        """State-dict key of the static network -> the tensor of the supernet, always whole.

        Raises:
            SpaceError: when the arch is not in the space.
        """
        return {
            key: WeightSlice(held) for key, held in key_map(self.space, arch, self._norm).items()
        }
