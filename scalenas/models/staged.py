"""Backbones that are a chain of steps, some of which give feature maps; resized inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch.staged import StagedArch, step_maps
from scalenas.arch.strict import as_int, wrong
from scalenas.errors import UserError

from .backbone import AbstractBackbone, is_pretrained
from .blocks import place, zero_last_norms
from .layers import Build

MOST = 2.0
"""No pixel of a crop is drawn out over more than this: beyond it there is nothing to see."""


def resized(images: Tensor, side: int) -> Tensor:
    """images: (N, C, H, H) -> (N, C, side, side), bicubic and antialiased, as PIL resizes.

    Supernets and exported nets both call this in their forward, so that training, calibration,
    validation and deployment see the same images, all from one crop.

    Source: BigNAS (Yu et al. 2020), section 3.1, "inplace distillation", and appendix.

    Raises:
        UserError: when the images are no crop that `check_crop` lets pass.
    """
    height, width = images.shape[-2:]
    if (height, width) == (side, side):
        return images
    check_crop(height, width, side)
    size = (side, side)
    return F.interpolate(images, size, mode='bicubic', align_corners=False, antialias=True)


def check_crop(height: int, width: int, side: int) -> None:
    """Pass when a crop of this size can give images of `side` x `side`.

    Raises:
        UserError: for a crop that is not square, or too small; says what to change.
    """
    if height != width:
        raise UserError(
            f'cannot give {side}x{side} undistorted',
            where='resize',
            got=(height, width),
            allowed='a square crop',
            hint='change the crops of the data pipeline, or set resize=False in the backbone',
        )
    if side > MOST * height:
        raise UserError(
            f'cannot give {side}x{side}, more than {MOST:g} times its side',
            where='resize',
            got=(height, width),
            allowed=f'a crop of {-(-side // int(MOST))} pixels or more',
            hint='change the crops of the data pipeline, or leave this resolution out of the space',
        )


A = TypeVar('A', bound=StagedArch)


class AbstractStagedNet(AbstractBackbone, ABC, Generic[A]):
    """Stem, stages and perhaps a last 1x1 convolution, built from the units of the arch.

    Steps are numbered: 0 the stem, s stage s, one more the last convolution (where there is one).

    Args:
        arch: a zoo name, the path of a YAML file, or its content.
        out_indices: the steps that give feature maps; negative ones count from the end. Default:
            the last, for `GlobalAveragePooling`.
        frozen_stages: this step and all before it are frozen; -1 freezes none.
        norm_eval: keep batch norms in eval mode while training.
        norm_cfg: default BN.
        conv_cfg: default Conv2d.
        with_cp: keep only the input of every block, compute the rest again backwards.
        drop_path_rate: of the last block; falls linearly to 0 at the first.
        pretrained: the older way to say `init_cfg=dict(type='Pretrained', checkpoint=...)`.
        in_channels: default: what the arch says.
        zero_init_residual: every block with a skip starts as the identity.
        resize: bring images to the arch's resolution first, as a supernet does from which the net
            was cut; otherwise they are taken at any size.

    Raises:
        UserError: for arguments that exclude each other, or name no network.
    """

    block_unit: ClassVar[type]
    """Units of this class are blocks, the others plain convolutions."""

    def __init__(
        self,
        arch: A | Mapping[str, Any] | str,
        out_indices: Sequence[int] = (-1,),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        norm_cfg: Mapping[str, Any] | None = None,
        conv_cfg: Mapping[str, Any] | None = None,
        with_cp: bool = False,
        drop_path_rate: float = 0.0,
        pretrained: str | None = None,
        init_cfg: Any = None,
        in_channels: int | None = None,
        zero_init_residual: bool = False,
        resize: bool = False,
    ) -> None:
        super().__init__(norm_eval, pretrained, init_cfg)
        network: Any = self.read_arch(arch)
        self.arch: A = network if in_channels is None else network.with_(in_channels=in_channels)
        build = Build(conv_cfg, norm_cfg or {'type': 'BN'}, with_cp)
        self._maps = step_maps(self.arch)
        last = len(self._maps) - 1
        if not 0 <= drop_path_rate < 1:
            raise wrong('drop_path_rate', 'a number from 0 to below 1', drop_path_rate)
        self.frozen_stages = as_int(frozen_stages, 'frozen_stages', -1, last)
        self.zero_init_residual, self.resize = zero_init_residual, resize
        self.out_indices = out_steps(out_indices, last)
        block = 0
        for name, unit in self.arch.units(self.arch.size):
            rate = drop_path_rate * block / max(1, self.arch.num_blocks - 1)
            if isinstance(unit, self.block_unit):
                place(self, name, self._block(unit, build, rate))
                block += 1
            else:
                place(self, name, self._conv(unit, build))
        self._freeze()

    @classmethod
    def read_arch(cls, arch: Any) -> Any:
        """The arch itself; a `StaticNet` also takes what names one."""
        return arch

    def init_weights(self) -> None:
        """Initialize, or load what `init_cfg` asks for."""
        super().init_weights()
        if self.zero_init_residual and not is_pretrained(self.init_cfg):
            zero_last_norms(self)

    @abstractmethod
    def _block(self, unit: Any, build: Build, drop_path_rate: float) -> nn.Module:
        """The module of a block."""

    @abstractmethod
    def _conv(self, unit: Any, build: Build) -> nn.Module:
        """The module of the stem, or of the last convolution."""

    @property
    @abstractmethod
    def steps(self) -> Sequence[nn.Module]:
        """Stem, stages, and the last convolution."""

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of the output feature maps, fine to coarse."""
        return tuple(self._maps[index][0] for index in self.out_indices)

    @property
    def feature_info(self) -> tuple[dict[str, int], ...]:
        """Channels and stride of every output map, fine to coarse."""
        maps = (self._maps[index] for index in self.out_indices)
        return tuple({'num_chs': c, 'reduction': stride} for c, stride in maps)

    @final
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """x: (N, in_channels, H, W) -> the map of every step in `out_indices`."""
        maps = []
        if self.resize:
            x = resized(x, self.arch.resolution)
        for index, step in enumerate(self.steps[: self.out_indices[-1] + 1]):
            x = step(x)
            if index in self.out_indices:
                maps.append(x)
        return tuple(maps)

    def _frozen(self) -> Iterable[nn.Module]:
        return self.steps[: self.frozen_stages + 1]


def out_steps(out_indices: Sequence[int], last: int) -> tuple[int, ...]:
    """Distinct steps in order, counted from the start."""
    given = (out_indices,) if isinstance(out_indices, int) else tuple(out_indices)
    indices = sorted({i if i >= 0 else last + 1 + i for i in given})
    if not given or indices[0] < 0 or indices[-1] > last or len(indices) < len(given):
        allowed = f'distinct steps from 0 (stem) to {last} (last), or negative from the end'
        raise wrong('out_indices', allowed, given)
    return tuple(indices)
