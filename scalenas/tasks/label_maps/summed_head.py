"""HRNetV2's head for inference: maps are convolved at their own sizes, then enlarged and summed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads import FCNHead
from torch import Tensor, nn
from torch.nn import functional as F


class SummedFCNHead(FCNHead):
    """FCNHead over `resize_concat` with one 1x1 convolution, whose norm is folded.

    A 1x1 convolution of enlarged, concatenated maps is the sum over the maps of their parts of it;
    and it commutes with bilinear enlarging, whose weights sum to 1. So it may run at the size of
    each map: of HRNet-W32 at an eighth of the multiply-adds.
    """

    def _forward_feature(self, inputs: Sequence[Tensor]) -> Tensor:
        maps = [inputs[i] for i in self.in_index]
        unit = self.convs[0]
        first, *others = unit.conv.weight.split([x.shape[1] for x in maps], dim=1)
        total = F.conv2d(maps[0], first, unit.conv.bias)
        for x, weight in zip(maps[1:], others, strict=True):
            total += F.interpolate(
                F.conv2d(x, weight),
                size=total.shape[2:],
                mode='bilinear',
                align_corners=self.align_corners,
            )
        result: Tensor = unit.activate(total) if unit.with_activation else total
        return result


def sum_heads(model: nn.Module) -> None:
    """Every head of `model` that can be becomes a `SummedFCNHead`, with the same weights."""
    for head in model.modules():
        if type(head) is FCNHead and _can_be(head):
            head.__class__ = SummedFCNHead


def _can_be(head: Any) -> bool:
    if head.input_transform != 'resize_concat' or head.concat_input or len(head.convs) != 1:
        return False
    unit = head.convs[0]
    conv = unit.conv
    plain = type(conv) in (nn.Conv2d, *nn.Conv2d.__subclasses__()) and conv.groups == 1
    one = conv.kernel_size == (1, 1) == conv.stride and conv.padding in (0, (0, 0))
    normless = not unit.with_norm or isinstance(unit.norm, nn.Identity)
    return bool(plain and one and normless)
