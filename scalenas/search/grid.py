"""A coarse grid over a space: a few settings of each dimension, in all combinations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from scalenas.arch import Arch
from scalenas.arch.strict import as_int, as_list, as_mapping, inside
from scalenas.space import AbstractSpace, Gene, Value

from .record import SearchError

WHERE = 'search.algorithm.grid'
MOST_NETS = 20_000  # of a grid; each is a candidate that is evaluated


def grid_archs(space: AbstractSpace[Any], grid: object) -> list[Arch]:
    """The networks of a grid, each once, in the order of its dimensions.

    A dimension moves a group of genes together, in one of two forms:

    - `dict(genes=('*.depth',), levels=4)`: 4 levels from the smallest to the largest values,
      evenly spaced over the values of each gene that a pattern matches;
    - `dict(settings=[{'*.kernel': 3}, {'s[12].*.kernel': 3, 's[34].*.kernel': 5}])`: values as
      they are written; of two patterns that match a gene the later one counts.

    A gene with a single value needs no dimension, every other gene exactly one.

    Raises:
        SearchError: for a grid that is none, names no gene, or leaves one open.
    """
    dimensions = [
        _settings(space, data, f'{WHERE}[{i}]')
        for i, data in enumerate(as_list(grid, WHERE, 'dimensions'))
    ]
    _check_each_once(space, dimensions)
    count = math.prod(map(len, dimensions))
    if count > MOST_NETS:
        raise SearchError(where=WHERE, got=count, allowed=f'at most {MOST_NETS:,} networks')
    fixed = {name: gene.values[0] for name, gene in space.genes.items() if len(gene.values) == 1}
    found: dict[Arch, None] = {}
    for combination in itertools.product(*dimensions):
        values: dict[str, Value] = dict(fixed)
        for setting in combination:
            values.update(setting)
        found.setdefault(space.decode(values))
    return list(found)


def _settings(space: AbstractSpace[Any], data: object, where: str) -> list[dict[str, Value]]:
    if isinstance(data, Mapping) and 'genes' in data:
        table = as_mapping(data, where, ('genes', 'levels'))
        genes = _matching(space, as_list(table['genes'], f'{where}.genes', 'patterns'), where)
        levels = as_int(table['levels'], f'{where}.levels', 2, MOST_NETS)
        return [
            {gene.name: gene.values[_position(level, levels, len(gene.values))] for gene in genes}
            for level in range(levels)
        ]
    table = as_mapping(data, where, ('settings',))
    settings = []
    for i, rules in enumerate(as_list(table['settings'], f'{where}.settings', 'settings')):
        place = f'{where}.settings[{i}]'
        if not isinstance(rules, Mapping) or not rules:
            raise SearchError(where=place, got=rules, allowed='a pattern of genes and a value')
        setting: dict[str, Value] = {}
        for pattern, value in rules.items():
            for gene in _matching(space, [pattern], place):
                flag = isinstance(value, bool)
                if value not in gene.values or flag is not isinstance(gene.values[0], bool):
                    raise SearchError(
                        where=f'{place}, {gene.name}',
                        got=value,
                        allowed=gene.values,
                        hint=f'let the pattern {pattern!r} match only genes that can be it',
                    )
                setting[gene.name] = value
        settings.append(setting)
    return settings


def _position(level: int, levels: int, count: int) -> int:
    """The index among `count` values nearest to the level's share of the way; halves go up."""
    steps = levels - 1
    return (2 * level * (count - 1) + steps) // (2 * steps)


def _matching(space: AbstractSpace[Any], patterns: Sequence[Any], where: str) -> list[Gene]:
    found: dict[str, Gene] = {}
    for pattern in patterns:
        with inside(where):
            names = space.matching(pattern)
        found.update((name, space.genes[name]) for name in names)
    return list(found.values())


def _check_each_once(
    space: AbstractSpace[Any], dimensions: Sequence[Sequence[Mapping[str, Value]]]
) -> None:
    owners: dict[str, int] = {}
    for i, settings in enumerate(dimensions):
        for name in dict.fromkeys(name for setting in settings for name in setting):
            if name in owners:
                raise SearchError(
                    f'is in two dimensions, [{owners[name]}] and [{i}]',
                    where=f'{WHERE}, {name}',
                    hint='leave it out of one',
                )
            owners[name] = i
            for j, setting in enumerate(settings):
                if name not in setting and len(space.genes[name].values) > 1:
                    raise SearchError(
                        f'says nothing of {name}, of which another setting speaks',
                        where=f'{WHERE}[{i}].settings[{j}]',
                    )
    left = [n for n, gene in space.genes.items() if len(gene.values) > 1 and n not in owners]
    if left:
        raise SearchError(
            f'names no value for {len(left)} genes, such as {left[0]}',
            where=WHERE,
            hint='give them a dimension, or one value each in the space',
        )
