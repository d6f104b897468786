"""Trade-offs in two dimensions, exactly: fronts, peeling, selection, hypervolume.

A point is (cost, loss), both better when smaller. A point is dominated by another that is not
worse in both and better in one; equal points do not dominate each other. Everything is given by
index into the points and ordered by (cost, loss, index), so ties never depend on chance.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

Point = tuple[float, float]
Cut = Literal['spread', 'cheapest']
CUTS = ('spread', 'cheapest')


def peel(points: Sequence[Point]) -> list[list[int]]:
    """Successive fronts: the front, the front of what remains, and so on; each by rising cost."""
    fronts: list[list[int]] = []
    tails: list[Point] = []  # (loss, cost) of the last member of each front; rises with the front
    for i in sorted(range(len(points)), key=lambda i: (points[i], i)):
        cost, loss = points[i]
        place = bisect_left(tails, (loss, cost))
        if place == len(fronts):
            fronts.append([])
            tails.append((loss, cost))
        fronts[place].append(i)
        tails[place] = (loss, cost)
    return fronts


def front(points: Sequence[Point]) -> list[int]:
    """The points that no other dominates, by rising cost."""
    return peel(points)[0] if points else []


def select(points: Sequence[Point], k: int, cut: Cut = 'spread') -> list[int]:
    """The top k: whole fronts as long as they fit, then a part of the next one.

    The part is 'spread': evenly spaced by rank along the front, both ends among them, so that no
    end of the trade-off is favoured; or 'cheapest': from the low-cost end, as released.

    Source: ScaleNAS (Cheng et al. 2020), section 3.5, step 2, which leaves the cut open.
    """
    chosen: list[int] = []
    for members in peel(points):
        room = k - len(chosen)
        if len(members) > room:
            chosen += members[:room] if cut == 'cheapest' else _spread(members, room)
            break
        chosen += members
    return chosen


def _spread(members: Sequence[int], room: int) -> list[int]:
    if room == 0:
        return []
    if room == 1:
        return [members[(len(members) - 1) // 2]]
    return [members[i * (len(members) - 1) // (room - 1)] for i in range(room)]


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area that the points dominate inside the corner `reference`."""
    inside = [p for p in points if p[0] < reference[0] and p[1] < reference[1]]
    area, ceiling = 0.0, reference[1]
    for i in front(inside):
        cost, loss = inside[i]
        area += (reference[0] - cost) * (ceiling - loss)
        ceiling = loss
    return area
