"""Which candidates would add most to the dominated volume, where some of their values are guesses.

Source: Emmerich, Giannakoglou and Naujoks (2006), for the expected improvement of the volume; by
corners drawn from the box, as Bader and Zitzler, "HypE" (2011), so in any number of dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .gene_matrix import Table
from .pareto import Point, front, select

CORNERS = 20_000  # drawn of the box; those that no point dominates yet may be won
MOST_CORNERS = 1_000  # of these, that count
MARGIN = 0.05  # of the box, beyond the worst known


def most_gain(
    points: Sequence[Point],
    guesses: Table,
    wanted: int,
    draw: np.random.Generator,
    running: Table | None = None,
) -> list[int]:
    """All candidates, those first that gain most, each given that those before it are taken.

    Equal gains go by Pareto front of the mean guess.

    Args:
        points: losses that are known.
        guesses: losses of candidates, of shape (ways it may come out, candidates, objectives).
        wanted: how many are chosen by gain; the others follow by front.
        running: guesses of what is being evaluated, in the same ways: taken before all candidates.
    """
    order = np.array(select([tuple(p) for p in guesses.mean(axis=0)], guesses.shape[1]))
    guesses = guesses[:, order]
    corners = _corners(points, guesses, draw)
    # One column for each way and corner; sums of zeros and ones are exact in any order.
    wins = np.concatenate([_dominate(way, corners) for way in guesses], axis=1)
    wins = wins.astype(np.float32)
    left = np.ones(wins.shape[1], np.float32)
    if running is not None:
        won = [_dominate(way, corners).any(axis=0) for way in running]
        left -= np.concatenate(won).astype(np.float32)
    chosen: list[int] = []
    free = np.ones(len(order), bool)
    for _ in range(min(wanted, len(order))):
        gains = np.where(free, wins @ left, -1.0)
        best = int(gains.argmax())
        chosen.append(best)
        free[best] = False
        left *= 1.0 - wins[best]
    return [int(order[i]) for i in [*chosen, *np.flatnonzero(free)]]


def _corners(points: Sequence[Point], guesses: Table, draw: np.random.Generator) -> Table:
    """Points of the box that nothing known dominates, and something guessed may."""
    known, hopes = np.array(points), guesses.min(axis=0)
    low, high = np.minimum(known.min(axis=0), hopes.min(axis=0)), known.max(axis=0)
    high = high + MARGIN * np.where(high > low, high - low, 1.0)
    corners: Table = low + draw.random((CORNERS, len(low))) * (high - low)
    for i in front(points):
        corners = corners[~np.all(known[i] <= corners, axis=1)]
    hopeful = np.zeros(len(corners), bool)
    for i in front([tuple(hope) for hope in hopes]):
        hopeful |= np.all(hopes[i] <= corners, axis=1)
    return np.asarray(corners[hopeful][:MOST_CORNERS])


def _dominate(points: Table, corners: Table) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of each point and corner whether it dominates it."""
    found = np.ones((len(points), len(corners)), bool)
    for axis in range(points.shape[1]):
        found &= points[:, axis, None] <= corners[None, :, axis]
    return found
