"""Heads as far as cost goes: what stands on the backbone in the published tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import TypeVar

from scalenas.family import family_of

from .layer import Arch, BasicBlock, Feature, Head, Layer, Size
from .strict import as_channels, as_depth, as_flag, inside, wrong

KERNEL = 4  # of the transposed convolution


@dataclass(frozen=True, slots=True)
class HigherHead:
    """Heat maps and tags of the finest map, then one transposed convolution and heat maps again.

    The transposed convolution sees the finest map and the first predictions; residual blocks
    follow it. `channels` are those of the enlarged map; None: as many as the finest map has.

    Raises:
        ArchError: for a number below 1.

    Source: HigherHRNet (Cheng et al. 2020), section 3.3 and figure 2.
    """

    num_joints: int
    channels: int | None = None
    num_blocks: int = 4

    def __post_init__(self) -> None:
        as_channels(self.num_joints, 'num_joints')
        as_depth(self.num_blocks, 'num_blocks')
        if self.channels is not None:
            as_channels(self.channels, 'channels')

    def layers(self, features: Sequence[Feature]) -> Iterator[Layer]:
        """The layers in the order of a forward, named as in `HigherHRNetHead`."""
        width, size, _ = features[0]
        joints, c = self.num_joints, self.channels or width
        yield Layer('head.final_layers.0', width, 2 * joints, 1, size, bias=True, norm=False)
        enlarged = Layer('head.upsample.0', width + 2 * joints, c, KERNEL, size, 2, op='deconv')
        yield enlarged
        size = enlarged.size_out
        for n in range(self.num_blocks):
            for layer in BasicBlock(c, size).layers():
                yield layer.prefixed(f'head.blocks.{n}')
        yield Layer('head.final_layers.1', c, joints, 1, size, bias=True, norm=False)


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


A = TypeVar('A', bound=Arch)
_NUMBER = re.compile('0*[1-9][0-9]{0,9}')
CITYSCAPES: Size = (1024, 2048)
"""Height and width of the images for which published tables count segmentation networks."""


@dataclass(frozen=True, slots=True)
class SegHead:
    """All maps at the finest size, concatenated; 1x1 conv-BN-ReLU; 1x1 classifier (HRNetV2).

    `conv_bias` is True in the authors' networks and False in mmseg's FCNHead.
    """

    num_classes: int
    conv_bias: bool = True

    def __post_init__(self) -> None:
        as_channels(self.num_classes, 'num_classes')
        as_flag(self.conv_bias, 'conv_bias')

    def layers(self, features: Sequence[Feature]) -> tuple[Layer, ...]:
        """The two convolutions, named as in mmseg's FCNHead."""
        c, size = sum(f.channels for f in features), features[0].size
        return (
            Layer('decode_head.convs.0.conv', c, c, 1, size, bias=self.conv_bias),
            Layer('decode_head.conv_seg', c, self.num_classes, 1, size, bias=True, norm=False),
        )


@dataclass(frozen=True, slots=True)
class PoseHead:
    """1x1 convolution of the finest map to one heat map per joint."""

    num_joints: int

    def __post_init__(self) -> None:
        as_channels(self.num_joints, 'num_joints')

    def layers(self, features: Sequence[Feature]) -> tuple[Layer, ...]:
        """One convolution, named as in mmpose's HeatmapHead."""
        finest = features[0]
        return (
            Layer(
                'head.final_layer',
                finest.channels,
                self.num_joints,
                1,
                finest.size,
                bias=True,
                norm=False,
            ),
        )


@dataclass(frozen=True, slots=True)
class ClassificationHead:
    """Global average pooling of the coarsest map, then linear layers; `hidden` adds one between."""

    num_classes: int = 1000
    hidden: int | None = None

    def __post_init__(self) -> None:
        as_channels(self.num_classes, 'num_classes')
        if self.hidden is not None:
            as_channels(self.hidden, 'hidden')

    def layers(self, features: Sequence[Feature]) -> tuple[Layer, ...]:
        """One or two linear layers, the last named as in mmpretrain's LinearClsHead."""
        return _linear_layers(features[-1].channels, self.hidden, self.num_classes)


@lru_cache(maxsize=4096)
def _linear_layers(c: int, hidden: int | None, num_classes: int) -> tuple[Layer, ...]:
    plan = []
    for name, width in (('head.hidden', hidden), ('head.fc', num_classes)):
        if width is not None:
            plan.append(Layer(name, c, width, 1, (1, 1), bias=True, norm=False, op='linear'))
            c = width
    return tuple(plan)


def default_head(arch: Arch) -> str:
    """What a family is mostly used for, as a text for `parse_head`."""
    return family_of(arch).head


def arch_for_head(arch: A, head: Head | None) -> A:
    """The backbone that this head stands on: a classifier's, or what its family has for others.

    Without a head the arch stays as it is.
    """
    if head is None or isinstance(head, ClassificationHead):
        return arch
    under_dense = family_of(arch).under_dense
    result: A = under_dense(arch) if under_dense else arch
    return result


def parse_head(text: str) -> Head | None:
    """The head that a short text names, or None for `none`.

    `seg:19`, `cls:1000`, `faster_rcnn:80`, `mask_rcnn:80` (classes), `pose:17`, `bottomup:17`
    (joints); `bottomup:17:32` with 32 channels in the enlarged map.

    Raises:
        ArchError: for any other text.
    """
    kind, *numbers = text.split(':')
    if text == 'none':
        return None
    fits = 1 <= len(numbers) <= (2 if kind == 'bottomup' else 1)
    if kind not in HEADS or not fits or not all(_NUMBER.fullmatch(n) for n in numbers):
        # The number is of classes or joints.
        raise wrong('head', [*(f'{known}:NUMBER' for known in HEADS), 'none'], text)
    with inside('head'):
        return HEADS[kind](*map(int, numbers))


HEADS: dict[str, Callable[..., Head]] = {
    'seg': SegHead,
    'cls': ClassificationHead,
    'pose': PoseHead,
    'bottomup': HigherHead,
    'faster_rcnn': RCNNHead,
    'mask_rcnn': partial(RCNNHead, mask=True),
}
"""Kind of head -> what makes one for a number of classes or joints."""
