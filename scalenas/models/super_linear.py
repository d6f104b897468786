"""The classifier of a supernet whose networks end in different widths."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional as F


@final
class SuperLinear(nn.Linear):
    """A linear layer that reads as many inputs as it gets: the first columns of its weight."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., n) with n <= in_features -> (..., out_features)."""
        return F.linear(input, self.weight[:, : input.shape[-1]], self.bias)


def super_linear_cls_head(**options: Any) -> nn.Module:
    """mmpretrain's LinearClsHead for any width up to `in_channels`; arguments are those.

    In configs it is `dict(type='scalenas.SuperLinearClsHead', ...)`; the head of an exported
    network is LinearClsHead itself. Needs mmpretrain.
    """
    from mmpretrain.models.heads import LinearClsHead

    head = LinearClsHead(**options)
    head.fc = SuperLinear(head.in_channels, head.num_classes)
    return head
