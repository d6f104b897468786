"""All that the networks of a space can have: what a supernet of them must hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

from scalenas.arch import Rounding, Scaling


class Hull(Protocol):
    """What each part of a network can be; a family whose widths differ has a class for it."""

    def grown(self, scaling: Scaling, rounding: Rounding) -> Self:
        """All that the networks have once they are scaled."""
        ...

    def merged(self, others: Iterable[Self]) -> Self:
        """All that this one or one of the others has."""
        ...
