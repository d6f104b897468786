"""HigherHRNet's head as far as cost goes: heat maps at two scales, tags at the coarser one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .layer import Feature, Layer
from .residual_units import BasicBlock
from .strict import as_channels, as_depth

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
