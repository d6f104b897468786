"""Heads as far as cost goes: what stands on the backbone in the published tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

from scalenas.family import family_of

from .bottomup import HigherHead
from .detectors import RCNNHead
from .layer import Arch, Feature, Head, Layer, Size
from .strict import as_channels, as_flag, inside, wrong

A = TypeVar('A', bound=Arch)
_NUMBER = re.compile('0*[1-9][0-9]{0,9}')
CITYSCAPES: Size = (1024, 2048)
"""Height and width of the pictures for which segmentation networks are counted in print."""


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
    found = []
    for name, width in (('head.hidden', hidden), ('head.fc', num_classes)):
        if width is not None:
            found.append(Layer(name, c, width, 1, (1, 1), bias=True, norm=False, op='linear'))
            c = width
    return tuple(found)


def default_head(arch: Arch) -> str:
    """What a family is mostly used for, as a text for `parse_head`."""
    return family_of(arch).head


def under_head(arch: A, head: Head | None) -> A:
    """The backbone that this head stands on: a classifier's, or what its family has for others.

    Without a head the arch stays as it is.
    """
    if head is None or isinstance(head, ClassificationHead):
        return arch
    under_dense = family_of(arch).under_dense
    found: A = under_dense(arch) if under_dense else arch
    return found


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
