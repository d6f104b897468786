"""Trade-offs in any number of dimensions, exactly: fronts, peeling, selection, crowding, volume.

A point is a tuple of losses, each better when smaller. A point is dominated by another that is not
worse in any and better in one; equal points do not dominate each other. Everything is given by
index into the points and ordered by (point, index), so ties never depend on chance. Points are
written costs first: a front begins at its cheap end.

Two dimensions have ways of their own, which are faster: along a front one rises as the other falls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import le
from typing import Literal

Point = tuple[float, ...]
Truncation = Literal['spread', 'cheapest']
TRUNCATIONS = ('spread', 'cheapest')


def dominates(one: Point, other: Point) -> bool:
    """True when a point is nowhere worse than another, and somewhere better."""
    return one != other and all(map(le, one, other))


def peel(points: Sequence[Point]) -> list[list[int]]:
    """Successive fronts: the front, the front of what remains, and so on; each in order."""
    order = sorted(range(len(points)), key=lambda i: (points[i], i))
    if order and len(points[0]) == 2:
        return _peel_pairs(points, order)
    fronts: list[list[int]] = []
    for i in order:
        # What dominates a point comes before it, and whatever front holds such a point, all
        # earlier ones do, too.
        low, high = 0, len(fronts)
        while low < high:
            middle = (low + high) // 2
            if any(dominates(points[j], points[i]) for j in reversed(fronts[middle])):
                low = middle + 1
            else:
                high = middle
        if low == len(fronts):
            fronts.append([])
        fronts[low].append(i)
    return fronts


def _peel_pairs(points: Sequence[Point], order: Sequence[int]) -> list[list[int]]:
    fronts: list[list[int]] = []
    tails: list[Point] = []  # the last member of each front, reversed; rises with the front
    for i in order:
        tail = points[i][::-1]
        place = bisect_left(tails, tail)
        if place == len(fronts):
            fronts.append([])
            tails.append(tail)
        fronts[place].append(i)
        tails[place] = tail
    return fronts


def front(points: Sequence[Point]) -> list[int]:
    """The points that no other dominates, in order."""
    return peel(points)[0] if points else []


def select(points: Sequence[Point], k: int, cut: Truncation = 'spread') -> list[int]:
    """The top k: whole fronts as long as they fit, then a part of the next one.

    The part is 'spread': of two dimensions evenly spaced by rank along the front, both ends among
    them, so that no end of the trade-off is favoured; of more, those with the largest crowding
    distance. Or 'cheapest': from the low-cost end, as released.

    Source: ScaleNAS (Cheng et al. 2020), section 3.5, step 2, which leaves the cut open.
    """
    chosen: list[int] = []
    for members in peel(points):
        room = k - len(chosen)
        if len(members) > room:
            if cut == 'cheapest':
                chosen += members[:room]
            elif len(points[0]) == 2:
                chosen += _spread(members, room)
            else:
                chosen += least_crowded(points, members, room)
            break
        chosen += members
    return chosen


def _spread(members: Sequence[int], room: int) -> list[int]:
    if room == 0:
        return []
    if room == 1:
        return [members[(len(members) - 1) // 2]]
    return [members[i * (len(members) - 1) // (room - 1)] for i in range(room)]


def least_crowded(points: Sequence[Point], members: Sequence[int], room: int) -> list[int]:
    """So many members of a front, in its order: those with the largest crowding distance."""
    far = dict(zip(members, crowding(points, members), strict=True))
    kept = set(sorted(members, key=lambda i: (-far[i], i))[:room])
    return [i for i in members if i in kept]


def crowding(points: Sequence[Point], members: Sequence[int]) -> list[float]:
    """Crowding distance of the members of a front, which are given in order.

    The sum over all dimensions of the gap between both neighbours, as a part of the front's span;
    infinite for both ends of each.

    Source: Deb et al. (2002), section III-B.
    """
    distance = [0.0] * len(members)
    for axis in range(len(points[0])) if members else ():
        values = [points[i][axis] for i in members]
        # Of equal values the order is that of the first axis, reversed: so in two dimensions both
        # axes have the same neighbours.
        turn = 1 if axis == 0 else -1
        places = sorted(range(len(members)), key=lambda i: (values[i], turn * i))
        span = values[places[-1]] - values[places[0]]
        for before, place, after in zip(places, places[1:], places[2:], strict=False):
            if span > 0.0:
                distance[place] += (values[after] - values[before]) / span
        distance[places[0]] = distance[places[-1]] = float('inf')
    return distance


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The volume that the points dominate inside the corner `reference`.

    In more than two dimensions by `moocore`, the dimension-sweep and WFG algorithms of its authors.

    Source: Zitzler and Thiele, "Multiobjective Optimization Using Evolutionary Algorithms" (1998).

    Raises:
        ModuleNotFoundError: in more than two dimensions, where moocore is not installed.
    """
    inside = [p for p in points if all(v < r for v, r in zip(p, reference, strict=True))]
    if not inside:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(inside)[0]
    if len(reference) > 2:
        import moocore

        return float(moocore.hypervolume([[float(v) for v in p] for p in inside], ref=reference))
    area, ceiling = 0.0, reference[1]
    for i in front(inside):
        cost, loss = inside[i]
        area += (reference[0] - cost) * (ceiling - loss)
        ceiling = loss
    return area
