"""HRNet-style backbones: the frame that static net and supernet share, and the static net."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch import find, of_family
from scalenas.arch.hrnet import HRArch
from scalenas.arch.hrnet_module import HRModule
from scalenas.arch.layer import EXPANSION
from scalenas.arch.strict import as_int

from .backbone import AbstractBackbone, StaticNet, is_pretrained
from .blocks import bottleneck, zero_last_norms
from .hrnet_extra import resolve_arch
from .hrnet_parts import BranchModule, transition
from .layers import Build, norm_abbreviation


class AbstractHRNet(AbstractBackbone, ABC):
    """Stem, stage 1, then stages of branch modules; holds the parts of one arch, runs another.

    Args:
        holds: every part of it gets weights.
        runs: what a forward computes; a part of `holds`.
        numbered: name the fusions of every step with its number, as supernets do.
    """

    branch_module: ClassVar[type[BranchModule]] = BranchModule

    def __init__(
        self,
        holds: HRArch,
        runs: HRArch,
        numbered: bool,
        conv_cfg: Mapping[str, Any] | None,
        norm_cfg: Mapping[str, Any] | None,
        norm_eval: bool,
        with_cp: bool,
        zero_init_residual: bool,
        frozen_stages: int,
        pretrained: str | None,
        init_cfg: Any,
    ) -> None:
        super().__init__(norm_eval, pretrained, init_cfg)
        self.active_arch = runs
        self.zero_init_residual = zero_init_residual
        last = len(holds.stages) + 1
        self.frozen_stages = as_int(frozen_stages, 'frozen_stages', -1, last)
        self.build = build = Build(conv_cfg, norm_cfg or {'type': 'BN'}, with_cp)
        abbreviation = norm_abbreviation(build.norm_cfg)
        self._stem = tuple((f'conv{n}', f'{abbreviation}{n}') for n in (1, 2))
        c_in = holds.in_channels
        for conv, norm in self._stem:
            self.add_module(conv, build.conv(c_in, holds.stem, 3, 2))
            self.add_module(norm, build.norm(holds.stem))
            c_in = holds.stem
        inner, blocks = holds.stage1_channels, []
        for _ in range(holds.stage1_blocks):
            blocks.append(bottleneck(c_in, inner, build))
            c_in = EXPANSION * inner
        self.layer1 = nn.Sequential(*blocks)
        previous: tuple[int, ...] = (c_in,)
        for s, stage in enumerate(holds.stages, 2):
            self.add_module(f'transition{s - 1}', transition(previous, stage.channels, build))
            modules = (
                self.branch_module(
                    stage.channels, module, fuse_names(module, numbered), holds.upsample, build
                )
                for module in stage.modules
            )
            self.add_module(f'stage{s}', nn.ModuleList(modules))
            previous = stage.channels
        self._freeze()

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of the output feature maps, fine to coarse."""
        return self.active_arch.out_channels

    @property
    def feature_info(self) -> tuple[dict[str, int], ...]:
        """Channels and stride of every output map, fine to coarse."""
        return tuple({'num_chs': c, 'reduction': 4 * 2**i} for i, c in enumerate(self.out_channels))

    @final
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """x: (N, in_channels, H, W) -> maps (N, c_i, H / s_i, W / s_i), s_i = 4, 8, ..."""
        arch, modules = self.active_arch, self._modules
        maps = self._begun(x)
        for s, stage in enumerate(arch.stages, 2):
            if s > 2:
                maps = self._opened(s, maps)
            for branch_module, runs in zip(modules[f'stage{s}'], stage.modules, strict=True):
                maps = branch_module(maps, runs)
        return tuple(maps) if arch.output == 'multi' else (maps[0],)

    def _begun(self, x: Tensor) -> list[Tensor]:
        """Stem, stage 1 and the first transition: the same in all networks."""
        modules: Any = self._modules
        for conv, norm in self._stem:
            x = F.relu(modules[norm](modules[conv](x)), inplace=True)
        return self._opened(2, [self.layer1(x)])

    def _opened(self, stage: int, maps: list[Tensor]) -> list[Tensor]:
        """The maps of the branches of a stage, from those of the stage before."""
        opened: Any = self._modules[f'transition{stage - 1}']
        return [
            opened[str(i)](maps[min(i, len(maps) - 1)]) if str(i) in opened else maps[i]
            for i in range(stage)
        ]

    def init_weights(self) -> None:
        """Weights as `init_cfg` says; zero in the last norm of blocks if asked for."""
        super().init_weights()
        if self.zero_init_residual and not is_pretrained(self.init_cfg):
            zero_last_norms(self)

    def _frozen(self) -> Iterable[nn.Module]:
        names = [name for pair in self._stem for name in pair] if self.frozen_stages >= 0 else []
        for s in range(1, self.frozen_stages + 1):
            names += ['layer1' if s == 1 else f'stage{s}', f'transition{s}']
        return [self.get_submodule(name) for name in names if name in self._modules]


class HRNet(AbstractHRNet):
    """The network of an arch that is one: see `ScaleHRNet`."""

    def __init__(
        self,
        arch: HRArch,
        conv_cfg: Mapping[str, Any] | None = None,
        norm_cfg: Mapping[str, Any] | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        frozen_stages: int = -1,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(
            arch,
            arch,
            False,
            conv_cfg,
            norm_cfg,
            norm_eval,
            with_cp,
            zero_init_residual,
            frozen_stages,
            pretrained,
            init_cfg,
        )

    @property
    def arch(self) -> HRArch:
        """What the network is."""
        return self.active_arch


@final
class ScaleHRNet(StaticNet, HRNet):
    """The network of one arch, in place of `HRNet` in mmseg, mmdet, mmpose and mmpretrain.

    Module paths are those of `arch.layers(size)`; those of a stock-shaped arch are HRNet's.

    Args:
        arch: a zoo name, the path of a YAML file, or its content. Exactly one of arch and extra.
        extra: HRNet's own dict of stages, with mmpose's `upsample` and `multiscale_output`.
        in_channels: default: what the arch says, or 3.
        norm_cfg: default BN.
        norm_eval: keep batch norms in eval mode while training (mmdet's HRNet does by default).
        multiscale_output: all feature maps, or only the finest. Default: what arch or extra say, or
            True.
        upsample: 'nearest' (mmdet, mmpose, mmpretrain) or 'bilinear' (mmseg) in fusions, also as
            `dict(mode=..., align_corners=...)`. Default: what arch or extra say, or 'bilinear'.
        pretrained: the older way to say `init_cfg=dict(type='Pretrained', checkpoint=...)`.

    Raises:
        UserError: for arguments that exclude each other, or name no network.
    """

    def __init__(
        self,
        arch: HRArch | Mapping[str, Any] | str | None = None,
        extra: Mapping[str, Any] | None = None,
        in_channels: int | None = None,
        conv_cfg: Mapping[str, Any] | None = None,
        norm_cfg: Mapping[str, Any] | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        frozen_stages: int = -1,
        multiscale_output: bool | None = None,
        upsample: str | Mapping[str, Any] | None = None,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(
            resolve_arch(arch, extra, in_channels, multiscale_output, upsample),
            conv_cfg,
            norm_cfg,
            norm_eval,
            with_cp,
            zero_init_residual,
            frozen_stages,
            pretrained,
            init_cfg,
        )

    arch_type = HRArch

    @classmethod
    def arch_of(cls, options: Mapping[str, Any], where: str) -> HRArch:
        """The arch that arguments of this backbone describe, without building it."""
        arch = options.get('arch')
        if arch is not None:
            arch = of_family(find(arch, f'{where}.arch'), HRArch, f'{where}.arch')
        names = ('extra', 'in_channels', 'multiscale_output', 'upsample')
        return resolve_arch(arch, *(options.get(name) for name in names))


def fuse_names(module: HRModule, numbered: bool) -> Sequence[str]:
    """State-dict names of the fusions of every step."""
    steps = range(module.num_steps)
    return [f'fuse_layers_{t + 1}' if numbered else module.fuse_name(t) for t in steps]
