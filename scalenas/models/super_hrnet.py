"""The HRNet supernet, and where its networks' weights lie: one map for training and export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch import HRArch, HRModule, HRStage, module_of
from scalenas.arch.layer import InnerBlock
from scalenas.arch.strict import as_choice
from scalenas.space import HRSpace

from .blocks import ResidualBlock, recomputed
from .hrnet import AbstractHRNet
from .hrnet_parts import BranchModule
from .layers import NORMS, Build, ChannelSlice, check_conv, norm_abbreviation, run_conv, run_norm
from .supernet import Supernet, as_space
from .weight_slices import NORM_KEYS, Index, WeightSlice, WeightSlices, cut_state_dict, window_of

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
    """State-dict key of `arch` -> the supernet's key.

    Shapes are the same, but where blocks have fewer channels inside: `Supernet.slices` has these.
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
    space.encode(arch)
    parts = weight_parts(arch, norm)
    return cut_state_dict(supernet_state, parts, prefix)


def weight_parts(arch: HRArch, norm: str = 'bn') -> dict[str, WeightSlice]:
    """State-dict key of `arch` -> where it lies in a supernet: the first inner channels of blocks.

    `norm` is the short name of the norm layers, 'bn' or 'gn'.
    """
    parts = {key: WeightSlice(held) for key, held in _held_keys(arch, norm).items()}
    for name, unit in _inner_blocks(arch):
        c, n = unit.channels, unit.inner
        cuts: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
            'conv1.weight': ((n, c, 3, 3), (c, c, 3, 3)),
            'conv2.weight': ((c, n, 3, 3), (c, c, 3, 3)),
        }
        cuts |= {f'{norm}1.{key}': ((n,), (c,)) for key in NORM_KEYS[norm] if key != _COUNTER}
        for key, (shape, whole) in cuts.items():
            parts[f'{name}.{key}'] = window_of(parts[f'{name}.{key}'].key, shape, whole)
    return parts


_COUNTER = 'num_batches_tracked'


def _inner_blocks(arch: HRArch) -> Iterator[tuple[str, InnerBlock]]:
    units = arch.units((64, 64)) if any(module.inner for module in arch.modules) else ()
    return ((name, unit) for name, unit in units if isinstance(unit, InnerBlock))


def _norm_of(conv: str, norm: str) -> str:
    """'...conv2' -> '...bn2', '...0' -> '...1'."""
    path, _, last = conv.rpartition('.')
    name = f'{norm}{last[4:]}' if last.startswith('conv') else '1'
    return f'{path}.{name}' if path else name


class CutBlock(ResidualBlock):
    """A basic block that also runs with the first of its inner channels alone."""

    def forward(self, x: Tensor, inner: int | None = None) -> Tensor:
        """x: (N, c, H, W) -> the same shape, with `inner` channels inside; None is all of them."""
        if inner is None:
            return super().forward(x)
        if self.with_cp and x.requires_grad:
            result: Tensor = recomputed(self, self._run_cut, x, inner)
            return result
        return self._run_cut(x, inner)

    def _run_cut(self, x: Tensor, inner: int) -> Tensor:
        (conv1, norm1), (conv2, norm2) = (map(self.get_submodule, step) for step in self.steps)
        within: Index = (slice(0, inner),)
        out = run_conv(conv1, ChannelSlice(within, within), x)
        out = F.relu(run_norm(norm1, within, out), inplace=True)
        out = run_norm(norm2, (), run_conv(conv2, ChannelSlice((slice(None), *within)), out))
        out += x
        return F.relu(out, inplace=True)


class CutBranchModule(BranchModule):
    """Branches whose blocks also run with fewer inner channels."""

    def make_block(self, channels: int, inner: int, build: Build) -> nn.Module:
        """A block of a branch."""
        return CutBlock([(channels, inner, 3), (inner, channels, 3)], build)

    def _blocks(self, branch: int, x: Tensor, start: int, stop: int, runs: HRModule) -> Tensor:
        if not runs.inner or runs.inner[branch] == self.channels[branch]:
            return super()._blocks(branch, x, start, stop, runs)
        result: Tensor = self.branches[branch](x, start, stop, runs.inner[branch])
        return result


@final
class SuperScaleHRNet(AbstractHRNet, Supernet[HRArch]):
    """Every network of `space` in one set of weights; runs the active one, and only that.

    Holds all blocks and all fusions of the deepest network, whatever `space` leaves out: the
    checkpoints of a space and of its sub-spaces have the same keys, those of the released
    ScaleNAS supernets. The largest network is active by default.

    Blocks are held with all channels of their branch inside; a network of fewer runs the first of
    them, and the norm between uses, and in training moves, as many entries.

    Raises:
        UserError: for a space that is none, or arguments that exclude each other.
    """

    branch_module = CutBranchModule
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
        if space.has_inner:
            check_conv(conv_cfg)
            as_choice(self._norm_cfg.get('type'), 'norm_cfg.type', tuple(NORMS))
            for inner in {n for shares in space.inner_channels for n in shares}:
                self.build.norm(inner)  # groups divide it, or this says so

    def _begun(self, x: Tensor) -> list[Tensor]:
        # Genes begin with stage 2.
        maps: list[Tensor] = self.once(super()._begun, x)
        return maps

    def units(self) -> Iterator[nn.Module]:
        """Residual blocks, and conversions between branches; not those of the beginning.

        Without the blocks where the space has inner widths: they run in part.
        """
        for s in range(2, len(self.active_arch.stages) + 2):
            if s > 2:
                yield from self.get_submodule(f'transition{s - 1}').children()
            for module in self.get_submodule(f'stage{s}').children():
                cut = {*module.branches.modules()} if self.space.has_inner else {}
                yield from (unit for unit in module.units() if unit not in cut)

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
        """State-dict key of the static network -> the tensor of the supernet, or its part.

        Only the tensors of blocks with fewer channels inside are not whole.

        Raises:
            SpaceError: when the arch is not in the space.
        """
        self.space.encode(arch)
        return weight_parts(arch, self._norm)

    def neutral_weights(self, arch: HRArch) -> Mapping[str, Index]:
        """Of second convolutions the parts that read inner channels which `arch` lacks."""
        return {
            f'{name}.conv2.weight': (slice(None), slice(unit.inner, None))
            for name, unit in _inner_blocks(arch)
        }
