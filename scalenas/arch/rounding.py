"""How factors meet whole numbers: every rounding rule, named after where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from .strict import MOST_FACTOR, as_choice, wrong

_NOISE = 1e-9  # 25 * 1.08 is 27.000000000000004 in floating point, and still 27 blocks


@dataclass(frozen=True, slots=True)
class Scaling:
    """Factors on a network: blocks per stage, channels, image side, channels per group.

    Raises:
        ArchError: for a factor that is not a positive number.
    """

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0
    group: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            factor = getattr(self, field.name)
            if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor > 0:
                raise wrong(f'scaling.{field.name}', 'a factor > 0', factor)
            if not factor < math.inf:
                raise wrong(f'scaling.{field.name}', 'a finite factor', factor)
            if factor > MOST_FACTOR:
                raise wrong(f'scaling.{field.name}', f'a factor up to {MOST_FACTOR:,}', factor)


def nearest(x: float, by: int = 1) -> int:
    """The multiple of `by` nearest to x (ties to even), at least one of them."""
    return max(1, round(x / by)) * by


def upward(x: float) -> int:
    """ceil(x), at least 1.

    Source: ScaleNet (Xie et al. 2022), appendix F.
    """
    return max(1, math.ceil(x - _NOISE))


def divisible(x: float, by: int = 8) -> int:
    """The multiple of `by` nearest to x (ties up) that keeps at least 90% of x.

    Source: EfficientNet (Tan and Le 2019), the rule of MobileNet.
    """
    rounded = max(by, int(x + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * x else rounded


def pycls_group(g: float) -> int:
    """Group widths of pycls: 1 and 2 stay, up to 5 become 4, else the nearest multiple of 8.

    Source: Dollar et al. 2021, the released pycls.
    """
    whole = nearest(g)
    if whole <= 2:
        return whole
    return 4 if whole <= 5 else nearest(whole, 8)


def compatible(width: int, bottleneck: float, group_width: int) -> tuple[int, int]:
    """Width and group width of a stage such that groups divide the inner channels.

    A group wider than the inner channels becomes all of them; else the inner channels move to the
    nearest multiple (by at most a third).

    Source: Radosavovic et al. 2020 and Dollar et al. 2021, section 3.5.
    """
    inner = max(1, int(width * bottleneck))
    group = min(group_width, inner)
    step = math.lcm(group, int(bottleneck)) if bottleneck > 1 else group
    inner = max(step, nearest(inner, step))
    return int(inner / bottleneck), group


@dataclass(frozen=True, slots=True)
class Rounding:
    """A rule set: how scaled depths, widths, group widths and image sides become whole numbers.

    `stem` and `head` say whether the first and the last convolution of an MBConv network are
    scaled with the rest. RegNet and HRNet-style networks keep theirs under every rule.
    """

    name: str
    depth: Callable[[float], int]
    width: Callable[[float], int]
    group: Callable[[float], int]
    resolution: Callable[[float], int]
    stem: bool
    head: bool

    def __str__(self) -> str:
        return self.name

    def widths(self, channels: Sequence[int], factor: float) -> tuple[int, ...]:
        """Scaled channels of parallel branches; where each doubles the last, they still do."""
        first = self.width(channels[0] * factor)
        if all(c == channels[0] * 2**i for i, c in enumerate(channels)):
            return tuple(first * 2**i for i in range(len(channels)))
        return (first, *(self.width(c * factor) for c in channels[1:]))


def _by_4(x: float) -> int:
    return nearest(x, 4)


def _by_8(x: float) -> int:
    return nearest(x, 8)


NEAREST = Rounding('nearest', nearest, nearest, nearest, nearest, stem=True, head=True)
"""Nearest whole numbers: the least distance from the ideal network."""

CEIL = Rounding('ceil', upward, upward, upward, upward, stem=True, head=False)
"""The paper rule of ScaleNet (Xie et al. 2022): everything up, conv_out stays."""

PYCLS_ROUNDING = Rounding('pycls', nearest, _by_8, pycls_group, _by_4, stem=True, head=True)
"""The released code of Dollar et al. 2021: widths in steps of 8, image sides in steps of 4."""

EFFICIENTNET = Rounding('efficientnet', upward, divisible, nearest, nearest, stem=True, head=True)
"""EfficientNet (Tan and Le 2019): depths up, widths to multiples of 8 that keep 90%."""

ROUNDINGS: dict[str, Rounding] = {
    rule.name: rule for rule in (NEAREST, CEIL, PYCLS_ROUNDING, EFFICIENTNET)
}


def rounding(name: str) -> Rounding:
    """The rule set of this name.

    Raises:
        ArchError: for an unknown name; says which are known.
    """
    return ROUNDINGS[as_choice(name, 'rounding', tuple(ROUNDINGS))]
