"""The classifier of a supernet whose networks end in different widths."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn import functional as F


@final
class SuperLinear(nn.Linear):
    """A linear layer that reads as many inputs as it gets: the first columns of its weight."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., n) with n <= in_features -> (..., out_features)."""
        return F.linear(input, self.weight[:, : input.shape[-1]], self.bias)
