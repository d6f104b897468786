"""MBConv supernets: every network of a space in one set of weights, in two forms.

`SuperMBConvNet` (BigNAS) has one set of weights for all choices of a block: kernels are centres
of the largest, and expansions, widths and squeezes its first channels. `ChoiceMBConvNet`
(ScaleNet) has weights of its own for every choice of a block; only widths are shared, by slices.
In both, the blocks of a shallow stage are the first ones of a deep one.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import takewhile
from typing import Any, ClassVar, Literal, Self, final

from torch import Tensor, nn

from scalenas.arch import MBConvArch
from scalenas.arch.staged import step_maps
from scalenas.arch.strict import ArchError, as_choice, as_flag, as_int
from scalenas.space import AbstractSpace, hull_of

from .backbone import is_pretrained
from .blocks import AbstractBlock, zero_last_norms
from .layers import Build, check_conv
from .mbconv import ScaleMBConvNet
from .staged import check_crop, out_steps, resized
from .super_mbconv_units import (
    BLOCK_PER_CHOICE,
    SHARED_BLOCK,
    ActiveUnit,
    BlockSharing,
    active_units,
    alike,
    build_largest,
    parts_of,
    run_unit,
)
from .supernet import Supernet, as_space
from .weight_slices import ALIGNS, Align, WeightSlices

NORMS = ('BN', 'BN2d', 'SyncBN')
"""Norms of which a part can run."""


class AbstractSuperMBConvNet(Supernet[MBConvArch], ABC):
    """Runs the active network of `space`, and only that; the largest by default.

    Args:
        space: of MBConv networks: an `MBConvSpace`, or a `ScaledSpace` over one.
        out_indices: steps that give feature maps, as in `ScaleMBConvNet`. Default: the last.
        frozen_stages: this step and all before it are frozen; -1 freezes none.
        norm_eval: keep batch norms in eval mode while training.
        norm_cfg: default BN; SyncBN is the other norm of which a part can run.
        conv_cfg: default Conv2d; `dict(type='Conv2dAdaptivePadding')` pads as TensorFlow does.
        with_cp: keep only the input of every block, compute the rest again backwards.
        zero_init_residual: every block that has a skip in all networks starts as the identity.
        resize: bring images to the resolution of the active network, so that one crop serves all.
            A space of several resolutions needs it.
        align: which channels a narrow network uses where `active` does not say: the 'left'
            (first) ones, the 'right' (last) ones, or with 'both' one half of the networks the
            left and the other half the right, so that all channels learn alike. Which half is a
            pure function of `align_seed` and the network: no call depends on an earlier one.
        pretrained: the older way to say `init_cfg=dict(type='Pretrained', checkpoint=...)`.

    Raises:
        UserError: for a space that is none, or arguments that exclude each other.
    """

    default_init = ScaleMBConvNet.default_init
    block_sharing: ClassVar[BlockSharing]

    def __init__(
        self,
        space: AbstractSpace[MBConvArch] | Mapping[str, Any] | str,
        out_indices: Sequence[int] = (-1,),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        norm_cfg: Mapping[str, Any] | None = None,
        conv_cfg: Mapping[str, Any] | None = None,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        resize: bool = False,
        align: Align | Literal['both'] = 'left',
        align_seed: int = 0,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(norm_eval, pretrained, init_cfg)
        self.space: AbstractSpace[MBConvArch] = as_space(space)
        hull = hull_of(self.space)
        build = Build(conv_cfg, norm_cfg or {'type': 'BN'}, with_cp)
        check_conv(conv_cfg)
        as_choice(build.norm_cfg.get('type'), 'norm_cfg.type', NORMS)
        as_choice(align, 'align', (*ALIGNS, 'both'))
        as_flag(resize, 'resize')
        as_flag(zero_init_residual, 'zero_init_residual')
        if not resize and len(hull.resolutions) > 1:
            raise ArchError(
                where='resize',
                got=resize,
                allowed=f'True, as the space has {len(hull.resolutions)} resolutions',
                hint='or give the space one',
            )
        last = len(hull.stages) + 1
        self.frozen_stages = as_int(frozen_stages, 'frozen_stages', -1, last)
        self.out_indices = out_steps(out_indices, last)
        self.with_cp, self.zero_init_residual, self.resize = with_cp, zero_init_residual, resize
        self.align: Align | Literal['both'] = align
        self.align_seed = as_int(align_seed, 'align_seed', 0)
        self._one_end = len(hull.conv_outs) == 1
        build_largest(self, hull, self.block_sharing, build)
        largest = self.space.largest()
        self._largest_side = largest.resolution
        self.active_arch = largest
        self._live_now = self._active_units(largest)
        self._align_now = self.align_of(largest)
        self._freeze()

    @property
    def resizes(self) -> bool:
        """True when every network sees images at its own resolution."""
        return self.resize

    @property
    def steps(self) -> Sequence[nn.Module]:
        """Stem, stages, and conv_out."""
        return list(self.get_submodule('layers').children())

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of the feature maps of the active network, fine to coarse."""
        return tuple(info['num_chs'] for info in self.feature_info)

    @property
    def feature_info(self) -> tuple[dict[str, int], ...]:
        """Channels and stride of every map of the active network, fine to coarse."""
        maps = step_maps(self.active_arch)
        return tuple({'num_chs': maps[i][0], 'reduction': maps[i][1]} for i in self.out_indices)

    @final
    @contextmanager
    def active(
        self, arch: MBConvArch | Mapping[str, Any] | str, align: Align | None = None
    ) -> Iterator[Self]:
        """Runs `arch` within the `with`, on these channels, and what ran before after it.

        Raises:
            SpaceError: when the arch is not in the space; says where it leaves it.
            ArchError: for channels on a side that the space does not allow.
        """
        entering = self._entering(arch)
        before = self.active_arch, self._live_now, self._align_now
        units = self._active_units(entering, align)
        self._align_now = align or self.align_of(entering)
        self.active_arch, self._live_now = entering, units
        try:
            yield self
        finally:
            self.active_arch, self._live_now, self._align_now = before

    @final
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """x: (N, in_channels, H, W) -> the map of every step in `out_indices`."""
        if self.resize:
            # Said in the first step, whatever network is drawn for it.
            check_crop(x.shape[-2], x.shape[-1], self._largest_side)
        side = self.active_arch.resolution if self.resize else None
        x, *maps = self.once(self._begun, x, side, self._align_now)
        return tuple(self._run(x, maps, self._num_alike, None)[1:])

    def _begun(self, x: Tensor) -> list[Tensor]:
        """The map after the units that are the same in all networks, and the maps given so far."""
        if self.resize:
            x = resized(x, self.active_arch.resolution)
        return self._run(x, [], 0, self._num_alike)

    def _run(self, x: Tensor, maps: Sequence[Tensor], start: int, stop: int | None) -> list[Tensor]:
        """The map after the units from `start` up to `stop`, and all maps given so far."""
        steps = enumerate(self._live_now[: self.out_indices[-1] + 1])
        units = [(unit, index, unit is step[-1]) for index, step in steps for unit in step]
        maps = list(maps)
        for unit, index, ends in units[start:stop]:
            x = run_unit(unit, x, self.with_cp)
            if ends and index in self.out_indices:
                maps.append(x)
        return [x, *maps]

    @cached_property
    def _num_alike(self) -> int:
        """How many units at the beginning are the same in all networks of the space.

        A unit that some gene touches differs between the networks of all first and all last values.
        """
        rows = (
            [(unit, unit is step[-1]) for step in self._active_units(arch, 'left') for unit in step]
            for arch in (self.space.smallest(), self.space.largest())
        )
        pairs = zip(*rows, strict=False)
        same = takewhile(lambda p: alike(p[0][0], p[1][0]) and p[0][1] == p[1][1], pairs)
        return sum(1 for _ in same)

    @final
    def init_weights(self) -> None:
        """Initialize, or load what `init_cfg` asks for.

        Raises:
            CheckpointError: for a local file that cannot be trusted, or fits nowhere.
        """
        super().init_weights()
        if self.zero_init_residual and not is_pretrained(self.init_cfg):
            zero_last_norms(self)

    @final
    def slices(self, arch: MBConvArch, align: Align | None = None) -> WeightSlices:
        """State-dict key of the static network -> its part of the supernet's tensors.

        What `active(arch, align)` runs: both are read off the same units.

        Raises:
            SpaceError: when the arch is not in the space.
        """
        self.space.encode(arch)
        return parts_of(self._active_units(arch, align))

    @final
    def neutral_norms(self, arch: MBConvArch) -> set[str]:
        """Last norms of the blocks behind the last of each stage of `arch`; all of them skip."""
        held = hull_of(self.space).stages
        beyond = {
            f'layers.{s}.{b}'
            for s, (stage, own) in enumerate(zip(held, arch.stages, strict=True), 1)
            for b in range(len(own.blocks), stage.depth)
        }
        norms = {module: name for name, module in self.named_modules()}
        return {
            norms[module.last_norm]
            for name, module in self.named_modules()
            if isinstance(module, AbstractBlock) and '.'.join(name.split('.')[:3]) in beyond
        }

    @final
    def sharing(self) -> dict[str, Any]:
        """Its type, and the arguments besides the space on which `slices` depends."""
        own = {'resize': self.resize, 'align': self.align, 'align_seed': self.align_seed}
        return {**super().sharing(), **own}

    @final
    def align_of(self, arch: MBConvArch) -> Align:
        """The side of the channels that a network uses where nobody says otherwise."""
        if self.align != 'both':
            return self.align
        text = f'{self.align_seed}/{json.dumps(arch.to_dict())}'
        return ALIGNS[hashlib.sha256(text.encode()).digest()[0] % 2]

    def _active_units(self, arch: MBConvArch, align: Align | None = None) -> list[list[ActiveUnit]]:
        side = align or self.align_of(arch)
        as_choice(side, 'align', ALIGNS)
        if (align or self.align) != 'left' and not self._one_end:
            raise ArchError(
                'heads read the first channels of several conv_outs',
                where='align',
                got=align or self.align,
                allowed="'left'",
                hint='or give the space one conv_out',
            )
        return active_units(self, arch, self.block_sharing, side)

    def _frozen(self) -> Iterable[nn.Module]:
        return self.steps[: self.frozen_stages + 1]


@final
class SuperMBConvNet(AbstractSuperMBConvNet):
    """One set of weights for all choices of a block: slices of the largest.

    Source: BigNAS (Yu et al. 2020), section 4.1.
    """

    block_sharing = SHARED_BLOCK


@final
class ChoiceMBConvNet(AbstractSuperMBConvNet):
    """Weights of its own for every choice of a block; widths share theirs.

    Source: ScaleNet (Xie et al. 2022), section 3.2 and appendix F; the sides of the channels:
    the released code.
    """

    block_sharing = BLOCK_PER_CHOICE
