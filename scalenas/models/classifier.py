"""Parts of a classifier besides the backbone: dropout of its features, a head for all widths."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn import functional as F

from scalenas.arch.strict import as_fraction
from scalenas.registry import MODELS


@final
@MODELS.register_module()
class FeatureDropout(nn.Module):
    """A neck: drops values of pooled features in training, and nothing else.

    `neck=[dict(type='GlobalAveragePooling'), dict(type='scalenas.FeatureDropout', ratio=0.2)]`.

    Source: EfficientNet (Tan and Le 2019), section 5; BigNAS (Yu et al. 2020), section 4.2.

    Raises:
        UserError: for a ratio outside 0 and 1.
    """

    def __init__(self, ratio: float = 0.2) -> None:
        super().__init__()
        self.dropout = nn.Dropout(as_fraction(ratio, 'neck.ratio'))

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """(N, c_i) or maps -> the same shapes."""
        return tuple(self.dropout(x) for x in maps)


@final
class SuperLinear(nn.Linear):
    """A linear layer that reads as many inputs as it gets: the first columns of its weight."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (..., n) with n <= in_features -> (..., out_features)."""
        return F.linear(input, self.weight[:, : input.shape[-1]], self.bias)
