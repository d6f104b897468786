"""Two-stage detectors on HRNet-style backbones, as far as cost goes: neck, RPN and RoI heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .layer import Feature, Layer, Size
from .strict import as_channels, as_flag

LEVELS = 5  # of HRFPN: strides 4 to 64
ANCHORS = 3  # per position: one scale, three aspect ratios
BOX, MASK = 7, 14  # side of the pooled map of a region
MASK_CONVS = 4


@dataclass(frozen=True, slots=True)
class RCNNHead:
    """All of Faster R-CNN but its backbone, and with `mask` all of Mask R-CNN.

    HRFPN (all maps at the finest size, concatenated; 1x1 convolution; pooled to five levels; a 3x3
    convolution each), RPN on every level, then two shared linear layers on each of `num_proposals`
    regions, and four convolutions, a transposed one and a 1x1 one on each of `num_masks`: as many
    as mmdet's configs keep of an image at most (`test_cfg.rpn` and `test_cfg.rcnn.max_per_img`).

    Raises:
        ArchError: for a number below 1.

    Source: mmdet's configs of HRNet; HRNet (Wang et al. 2019), section 3.2 (HRNetV2p).
    """

    num_classes: int
    mask: bool = False
    channels: int = 256
    num_proposals: int = 1000
    num_masks: int = 100
    hidden: int = 1024
    """Features of the two shared linear layers, mmdet's `fc_out_channels`."""

    def __post_init__(self) -> None:
        for name in ('num_classes', 'channels', 'num_proposals', 'num_masks', 'hidden'):
            as_channels(getattr(self, name), name)
        as_flag(self.mask, 'mask')

    def layers(self, features: Sequence[Feature]) -> Iterator[Layer]:
        """The layers in the order of a forward, named as in mmdet."""
        levels = level_sizes(features[0].size)
        yield from self._neck(sum(feature.channels for feature in features), levels)
        yield from self._rpn(levels)
        yield from self._boxes()
        if self.mask:
            yield from self._masks()

    def _neck(self, c_in: int, levels: Sequence[Size]) -> Iterator[Layer]:
        c = self.channels
        yield _biased('neck.reduction_conv.conv', c_in, c, 1, levels[0])
        for i, size in enumerate(levels):
            yield _biased(f'neck.fpn_convs.{i}.conv', c, c, 3, size)

    def _rpn(self, levels: Sequence[Size]) -> Iterator[Layer]:
        c = self.channels
        for i, size in enumerate(levels):
            for name, c_out, kernel in (
                ('rpn_conv', c, 3),
                ('rpn_cls', ANCHORS, 1),
                ('rpn_reg', 4 * ANCHORS, 1),
            ):
                yield _biased(f'rpn_head.{name}', c, c_out, kernel, size, reused=i > 0)

    def _boxes(self) -> Iterator[Layer]:
        def linear(name: str, c_in: int, c_out: int) -> Layer:
            name, n = f'roi_head.bbox_head.{name}', self.num_proposals
            return Layer(name, c_in, c_out, 1, (1, 1), bias=True, norm=False, op='linear', times=n)

        widths = (self.channels * BOX**2, self.hidden, self.hidden)
        for i, (c_in, c_out) in enumerate(pairwise(widths)):
            yield linear(f'shared_fcs.{i}', c_in, c_out)
        yield linear('fc_cls', self.hidden, self.num_classes + 1)
        yield linear('fc_reg', self.hidden, 4 * self.num_classes)

    def _masks(self) -> Iterator[Layer]:
        c, n, where = self.channels, self.num_masks, 'roi_head.mask_head'
        small, large = (MASK, MASK), (2 * MASK, 2 * MASK)
        for i in range(MASK_CONVS):
            yield _biased(f'{where}.convs.{i}.conv', c, c, 3, small, times=n)
        yield Layer(
            f'{where}.upsample', c, c, 2, small, 2, bias=True, norm=False, op='deconv', times=n
        )
        yield _biased(f'{where}.conv_logits', c, self.num_classes, 1, large, times=n)


def level_sizes(finest: Size) -> tuple[Size, ...]:
    """Sizes of HRFPN's levels: average pooling of the finest rounds down, and needs a pixel."""
    height, width = finest
    return tuple((max(1, height // 2**i), max(1, width // 2**i)) for i in range(LEVELS))


def _biased(
    name: str,
    c_in: int,
    c_out: int,
    kernel: int,
    size: Size,
    times: int = 1,
    reused: bool = False,
) -> Layer:
    """A convolution with bias and without norm."""
    return Layer(name, c_in, c_out, kernel, size, bias=True, norm=False, times=times, reused=reused)
