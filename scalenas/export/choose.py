"""Which network to export: one arch, or one of a search's front by budget or position."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from scalenas.arch import Arch, find, from_file, list_archs
from scalenas.complexity import Budget, Cost
from scalenas.errors import ExportError
from scalenas.paths import file_digest

FRONT = 'front.json'
STUDY = 'study.json'


@dataclass(frozen=True, slots=True)
class Choice:
    """An arch to export, and where it comes from: a search knows its slot, cost and metrics."""

    name: str
    arch: Arch
    source: str
    slot: int | None = None
    cost: Cost | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    checkpoint: str = ''
    """SHA-256 of the checkpoint that was searched; empty if unknown."""
    measured: dict[str, float] = field(default_factory=dict)
    """What the search has measured of the whole network at its end, such as `ms_measured`."""

    def check_checkpoint(self, path: str | Path) -> None:
        """Pass when the weights at `path` are those that the search has measured.

        Raises:
            ExportError: when they are others.
        """
        digest = file_digest(path)
        if self.checkpoint not in ('', digest):
            raise ExportError(
                f'is not the checkpoint that was searched, whose metrics {self.source} holds',
                where=path,
                got=f'sha256 {digest[:16]}',
                allowed=f'sha256 {self.checkpoint[:16]}',
                hint='give that one, or export all the same with --force',
            )


def choose(
    where: str,
    metric: str | None = None,
    index: int | None = None,
    budget: Budget | None = None,
    objectives: Sequence[Mapping[str, str]] | None = None,
) -> Choice:
    """The network that `where` and the options name.

    `where` is a zoo name, an arch in YAML, or a search: its work dir, its `study.db`, or the
    `sqlite:///` URL of that. Of a search: entry `index` of its front, else among those within
    `budget` the best by its first objective, or by that which `metric` names.

    Args:
        objectives: those that a config asks for, as `Objectives.to_list` gives them; the front
            must be of a search for the same.

    Raises:
        ExportError: when nothing is there, nothing on the front is within the budget, or the front
            was made for other objectives.
        ArchError: for a YAML that is no arch.
    """
    if is_arch(where):
        if index is not None or (budget != Budget() and budget is not None):
            raise ExportError(
                'is one arch', where=where, hint='--index and budgets choose from a study'
            )
        return Choice(Path(where).stem, find(where), where)
    path = front_path(where)
    front = _read_front(path)
    within = budget or Budget()
    for entry in front:
        within.check_columns(entry.cost)
    if index is not None:
        if not 0 <= index < len(front):
            raise ExportError(
                where=f'{path}: --index', got=index, allowed=f'0 ... {len(front) - 1}'
            )
        if not within.allows(front[index].cost):
            raise ExportError(
                f'slot {front[index].slot} has {front[index].cost}',
                where=f'{path}: --index',
                got=index,
                allowed=f'a network within {budget}',
                hint='leave one of them out',
            )
        return _choice(path, front[index])
    card = _card(path.with_name(STUDY))
    _check_objectives(path.with_name(STUDY), card, objectives)
    allowed = [entry for entry in front if within.allows(entry.cost)]
    if not allowed:
        cheapest = min(front, key=lambda entry: entry.cost['macs'])
        raise ExportError(
            f'no network of the front is within it; the cheapest, slot {cheapest.slot}, has '
            f'{cheapest.cost}',
            where=path,
            got=budget,
        )
    aim = _objective(path, card, metric)
    for entry in allowed:
        if aim.name not in entry.values:
            raise ExportError(
                f'slot {entry.slot} has no such number',
                where=path,
                got=aim.name,
                allowed=tuple(entry.values),
            )
    best = max if aim.direction == 'max' else min
    return _choice(path, best(allowed, key=lambda entry: entry.values[aim.name]))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row of a search's front."""

    slot: int
    arch: str
    cost: Cost
    metrics: dict[str, float]
    measured: dict[str, float]

    @property
    def values(self) -> dict[str, float]:
        """Metrics and columns of the cost, by name."""
        return {**self.metrics, **self.cost}

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> _Entry:
        """From `{slot, arch, cost: {macs, params, acts}, metrics: {...}}`; more keys may stand."""
        metrics = {str(name): float(value) for name, value in row['metrics'].items()}
        measured = {str(name): float(value) for name, value in row.get('measured', {}).items()}
        cost = Cost.from_dict(row['cost'], 'cost')
        return cls(int(row['slot']), str(row['arch']), cost, metrics, measured)


def is_arch(where: str) -> bool:
    """True for one arch, a zoo name or a YAML file; else it should be a search."""
    return where.endswith(('.yaml', '.yml')) or where in list_archs()


def front_path(where: str) -> Path:
    """The front of a search, of which the work dir, study or URL is given.

    Raises:
        ExportError: when there is none.
    """
    text = where.removeprefix('sqlite:///')
    if '://' in text:
        raise ExportError(where=where, allowed=f'the work dir of the search, in which {FRONT} lies')
    path = Path(text)
    path = path if path.suffix == '.json' else (path if path.is_dir() else path.parent) / FRONT
    if not path.is_file():
        raise ExportError(
            f'neither an arch nor a search: there is no {path}, which tools/search.py writes',
            where=where,
            allowed='a name of the zoo, a YAML file, or the work dir of a search',
        )
    return path


def _read_front(path: Path) -> list[_Entry]:
    try:
        front = [_Entry.from_dict(row) for row in json.loads(path.read_text(encoding='utf-8'))]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        line = ' '.join(str(error).split())
        raise ExportError(f'not the front of a search: {line}', where=path) from None
    if not front:
        raise ExportError(
            'the front is empty', where=path, hint='let the search evaluate some networks'
        )
    return front


def _choice(path: Path, entry: _Entry) -> Choice:
    arch = from_file(path.parent / entry.arch)
    name, digest = f'subnet_{entry.slot:04}', _searched(path.with_name(STUDY))
    known = (entry.cost, entry.metrics, digest, entry.measured)
    return Choice(name, arch, str(path), entry.slot, *known)


class _Objective(NamedTuple):
    """What a front is an end of."""

    name: str
    direction: str


def _objective(path: Path, card: Mapping[str, Any], name: str | None) -> _Objective:
    """The objective of this name, or the first; where no card says any, a metric to be large."""
    known = [_Objective(row['name'], row['direction']) for row in card.get('objectives', ())]
    for objective in known:
        if name in (None, objective.name):
            return objective
    if known:
        raise ExportError(
            'is no objective of the search, so its best need not be on the front',
            where=path.with_name(STUDY),
            got=name,
            allowed=tuple(objective.name for objective in known),
        )
    if name is None:
        raise ExportError('does not say what the front is for', where=path, hint='name a metric')
    return _Objective(name, 'max')


def _check_objectives(
    path: Path, card: Mapping[str, Any], objectives: Sequence[Mapping[str, str]] | None
) -> None:
    """Pass when the config asks for what the search was for, or one of them does not say."""
    if objectives is None or 'objectives' not in card:
        return
    there, here = (
        ', '.join(f'{row["name"]} ({row["direction"]})' for row in rows)
        for rows in (card['objectives'], objectives)
    )
    if there != here:
        raise ExportError(
            f'the search was for {there}, and the config asks for {here}',
            where=path,
            hint='give the config of the search, or choose by --index',
        )


def _searched(path: Path) -> str:
    """The digest that a search's report names; empty when it names none."""
    return str(_card(path).get('checkpoint_sha256', ''))


def _card(path: Path) -> dict[str, Any]:
    """What a search's report says of itself; empty when it says nothing."""
    if not path.is_file():
        return {}
    try:
        card = json.loads(path.read_text(encoding='utf-8'))
        rows = [{k: str(row[k]) for k in ('name', 'direction')} for row in card['objectives']]
        return {'checkpoint_sha256': str(card['checkpoint_sha256']), 'objectives': rows}
    except (ValueError, TypeError, KeyError) as error:
        line = ' '.join(str(error).split())
        raise ExportError(f'not the card of a search: {line}', where=path) from None
