"""Scaling strategies: how a growth of the MACs by s is shared out over the dimensions.

In a stage of d layers, w channels wide, at r x r, MACs are d w^2 r^2. A strategy gives depth,
width and resolution shares e of the growth: d grows by s^e_d, w by sqrt(s^e_w), r by sqrt(s^e_r).

Source: Fast and Accurate Model Scaling (Dollar et al. 2021), tables 1 to 4, equations (4), (5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from scalenas.arch import Arch, Rounding, Scaling, Size
from scalenas.arch.strict import MOST_FACTOR, is_number
from scalenas.errors import UserError, short

ALPHA = 'a number in 0 ... 1'


class ScalingError(UserError):
    """A scaling that does not exist or cannot be reached: the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """Relative shares of the growth; `group` is on the scale of `width` (equal: g grows as w)."""

    name: str
    depth: float = 0.0
    width: float = 0.0
    resolution: float = 0.0
    group: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.depth, self.width, self.resolution, self.group)
        numbers = all(is_number(share) and 0.0 <= share <= MOST_FACTOR for share in shares)
        if not numbers or not sum(shares[:3]) > 1 / MOST_FACTOR:
            allowed = f'shares in 0 ... {MOST_FACTOR:,}, and depth, width or resolution above 0'
            raise ScalingError(where=f'strategy {short(self.name)}', got=shares, allowed=allowed)

    def __call__(self, factor: float) -> Scaling:
        """The factors that multiply an ideal network's macs by `factor`."""
        if not is_number(factor) or not factor > 0.0:
            raise ScalingError(where='factor', got=factor, allowed='a number > 0')
        total = self.depth + self.width + self.resolution
        return Scaling(
            depth=factor ** (self.depth / total),
            width=factor ** (self.width / total / 2),
            resolution=factor ** (self.resolution / total / 2),
            group=factor ** (self.group / total / 2),
        )

    def __str__(self) -> str:
        return self.name


def fast(alpha: float = 0.8) -> Strategy:
    """The family of equation (4): alpha 1 is width, 1/3 uniform compound, 0 depth and resolution.

    Raises:
        ScalingError: for an alpha outside 0 to 1.
    """
    if not is_number(alpha) or not 0.0 <= alpha <= 1.0:
        raise ScalingError(where='alpha', got=alpha, allowed=ALPHA)
    rest = (1 - alpha) / 2
    return Strategy(f'alpha={alpha:g}', rest, alpha, rest, alpha)


STRATEGIES: dict[str, Strategy] = {
    'depth': Strategy('depth', depth=1),
    'width': Strategy('width', width=1, group=1),
    'resolution': Strategy('resolution', resolution=1),
    'compound': Strategy('compound', 1, 1, 1, 1),
    'fast': Strategy('fast', 0.1, 0.8, 0.1, 0.8),
}
"""Strategies of the paper by name; the group width grows with the width, as its text says."""

_WORD = re.compile(r'([dwgr])([0-9]{1,20}(?:\.[0-9]{1,20})?)')


def parse_strategy(text: str) -> Strategy:
    """A strategy by name, as `alpha=0.8`, or as a string of the released code.

    Such a string is `d1_w8_g8_r1` (shares), or letters as `dw` (equal shares). There the group
    width is a letter of its own: `dwr` leaves it alone.

    Raises:
        ScalingError: for any other text.
    """
    if text in STRATEGIES:
        return STRATEGIES[text]
    if text.startswith('alpha='):
        try:
            return fast(float(text.removeprefix('alpha=')))
        except ValueError:
            raise ScalingError(where='strategy', got=text, allowed=f'alpha={ALPHA}') from None
    shares: dict[str, float] = {}
    letters = text if text and set(text) <= set('dwgr') else ''
    for word in [f'{letter}1' for letter in letters] or text.split('_'):
        match = _WORD.fullmatch(word)
        if match is None or match[1] in shares:
            known = (*STRATEGIES, 'alpha=0.8', 'd1_w8_g8_r1')
            raise ScalingError(where='strategy', got=text, allowed=known)
        shares[match[1]] = float(match[2])
    depth, width, group, resolution = (shares.get(letter, 0.0) for letter in 'dwgr')
    return Strategy(text, depth, width, resolution, group)


A = TypeVar('A', bound=Arch)


@dataclass(frozen=True, slots=True)
class Scaled(Generic[A]):
    """A grown network, the input size that goes with it, and the factors asked for and reached.

    `reached` is measured over the whole network: blocks, sum of stage widths, image height, sum
    of group widths, each over that of the base. `size` is None where none was known.
    """

    arch: A
    size: Size | None
    asked: Scaling
    reached: Scaling
    rounding: Rounding


def scale(arch: A, scaling: Scaling, rounding: Rounding, size: Size | None = None) -> Scaled[A]:
    """The network grown by `scaling`.

    For a family without a resolution of its own (HRNet-style), `size` is the base's input size,
    and the scaled one is given with the arch. Otherwise the arch's own counts, and `size` must be
    None or equal to it.
    """
    base = arch.size or size
    grown = arch.scaled(scaling, rounding)
    new = grown.size
    if new is None and base is not None:
        height, width = (rounding.resolution(side * scaling.resolution) for side in base)
        new = height, width
    before, after = arch.extent, grown.extent
    reached = Scaling(
        depth=after.blocks / before.blocks,
        width=after.channels / before.channels,
        resolution=new[0] / base[0] if new is not None and base is not None else 1.0,
        group=after.group_width / before.group_width,
    )
    return Scaled(grown, new, scaling, reached, rounding)
