"""Heads as far as cost goes: what stands on the backbone in the published tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layer import Feature, Head, Layer
from .strict import ArchError


@dataclass(frozen=True, slots=True)
class SegHead:
    """All maps at the finest size, concatenated; 1x1 conv-BN-ReLU; 1x1 classifier (HRNetV2).

    `conv_bias` is True in the authors' networks and False in mmseg's FCNHead.
    """

    num_classes: int
    conv_bias: bool = True

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


def parse_head(text: str) -> Head | None:
    """The head that a short text names: `seg:19` (classes), `pose:17` (joints) or `none`.

    Raises:
        ArchError: for any other text.
    """
    kind, _, number = text.partition(':')
    if text == 'none':
        return None
    if kind not in ('seg', 'pose') or not number.isdecimal() or int(number) < 1:
        raise ArchError(f"head: expected 'seg:CLASSES', 'pose:JOINTS' or 'none', got {text!r}")
    return SegHead(int(number)) if kind == 'seg' else PoseHead(int(number))
