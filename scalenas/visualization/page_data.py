"""What a page about studies shows, as plain data for its script."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from scalenas.arch import Arch
from scalenas.complexity import column_of
from scalenas.errors import UserError
from scalenas.search import Objectives, Record, SearchStudy, front_of, volume_curve
from scalenas.search.databases import shown
from scalenas.version import __version__

from .draw_arch import draw_arch
from .page_genes import GeneTable, bounds_of, fusions_of, space_of, strides_of
from .page_sources import Reference

MOST_DRAWN = 40
"""Networks of a front that are drawn; each takes some 0.3 s and 5 kB."""

MOST_LETTERS = 4_000_000
"""Of genes of all networks in a page; beyond, only those of the front are in it."""

FIXED = ('slot', 'generation', 'blocks', 'fusions')
"""Axes that every network has, with columns and metrics behind them."""

PACKAGES = ('numpy', 'optuna', 'plotly')


class PageData:
    """Makes the data of a page, again and again while a search runs.

    Networks are drawn once: what a call has drawn the next one does not draw again.
    """

    def __init__(
        self,
        studies: Sequence[SearchStudy],
        references: Sequence[Reference] = (),
        draw_all: bool = False,
    ) -> None:
        self.studies, self.references, self.draw_all = studies, references, draw_all
        self._spaces = [space_of(study.settings) for study in studies]
        self._tables = [None if s is None else GeneTable.of(s) for s in self._spaces]
        self._genes: dict[Arch, Mapping[str, Any]] = {}
        self._drawings: dict[Arch, dict[str, str]] = {}

    def __call__(self, live: float | None = None) -> dict[str, Any]:
        """All that the page shows now; `live`: seconds after which it is written again."""
        records = [study.records() for study in self.studies]
        objectives = self.studies[0].objectives
        names = axis_names(records)
        return {
            'title': ', '.join(study.name for study in self.studies),
            'live': live,
            'objectives': objectives.to_list(),
            'axes': [_axis(name, records, objectives) for name in names],
            'studies': [self._study(i, records, names) for i in range(len(self.studies))],
            'references': self._references(records),
            'versions': {'scalenas': __version__, 'Python': python_version(), **_versions()},
        }

    def _study(self, i: int, every: Sequence[Sequence[Record]], names: Sequence[str]) -> Any:
        study, records, table = self.studies[i], every[i], self._tables[i]
        settings = study.settings
        front = front_of(records, study.objectives)
        apart = study.differs_from(self.studies[0]) if i else None
        on_front = {record.slot for record in front}
        drawn = _drawn(front, study.objectives)
        data = {
            'name': study.name,
            'storage': shown(study.where),
            'algorithm': _algorithm(settings),
            'running': study.at_work(),
            'apart': '' if apart is None else str(apart),
            'settings': _finite({k: v for k, v in settings.items() if k != 'objectives'}),
            'rows': [_row(record, names, record.slot in on_front) for record in records],
            'volume': volume_curve(records, study.objectives, every[0] or None),
            'winners': [_winner(r, study.objectives, front) for r in drawn],
            'drawings': {r.slot: self._drawing(r) for r in (records if self.draw_all else drawn)},
            'genes': [],
        }
        if table is not None and records:
            lettered = records if len(records) * len(table.genes) <= MOST_LETTERS else front
            values = {record.slot: self._values(i, record.arch) for record in records}
            ours = [values[record.slot] for record in front]
            theirs = list(values.values())
            data |= {
                'genes': table.to_list(),
                'letters': {r.slot: table.text(values[r.slot]) for r in lettered},
                'matrices': table.matrices(ours, theirs),
                'strides': strides_of(front[0].arch),
                'shared': table.shared(ours, theirs),
            }
        return data

    def _values(self, i: int, arch: Arch) -> Mapping[str, Any]:
        space = self._spaces[i]
        assert space is not None
        if arch not in self._genes:
            self._genes[arch] = space.encode(arch)
        return self._genes[arch]

    def _drawing(self, record: Record) -> dict[str, str]:
        if record.arch not in self._drawings:
            self._drawings[record.arch] = _drawing(record)
        return self._drawings[record.arch]

    def _references(self, every: Sequence[Sequence[Record]]) -> list[dict[str, Any]]:
        points: list[dict[str, Any]] = [
            {'name': point.name, 'values': dict(point.values)} for point in self.references
        ]
        space, records = self._spaces[0], every[0]
        if space is None or not records:
            return points
        size = self.studies[0].settings.get('size')
        bounds = bounds_of(space, None if size is None else (size[0], size[1]), records)
        for name, arch in (('smallest', space.smallest()), ('largest', space.largest())):
            values: dict[str, float] = {**bounds[name]}
            for record in records:
                if record.arch == arch:
                    values |= {**record.cost, **record.metrics}
            if values.keys() & {*self.studies[0].objectives.names}:
                points.append({'name': f'{name} of the space', 'values': values, 'end': True})
        return points


def axis_names(every: Iterable[Sequence[Record]]) -> list[str]:
    """Columns, then metrics, that any network has."""
    records = [record for records in every for record in records]
    columns = dict.fromkeys(name for record in records for name in record.cost)
    return [*columns, *dict.fromkeys(name for record in records for name in record.metrics)]


def _axis(name: str, every: Sequence[Sequence[Record]], objectives: Objectives) -> dict[str, Any]:
    is_column = any(name in record.cost for records in every for record in records[:1])
    values = [(r.cost if is_column else r.metrics).get(name, 0) for rs in every for r in rs]
    divisor, prefix = column_of(name).scale_of(max(values)) if is_column else (1, '')
    column = column_of(name)
    unit = ' '.join(filter(None, (prefix, column.unit if column.unit != name else '')))
    return {
        'name': name,
        'label': column.label if is_column else name,
        'unit': unit if is_column else '',
        'divisor': divisor,
        'cost': is_column,
        'way': next((o.direction for o in objectives if o.name == name), ''),
    }


def _row(record: Record, names: Sequence[str], on_front: bool) -> list[Any]:
    """Whether it is on the front, those of `FIXED`, columns and metrics."""
    values = {**record.metrics, **record.cost}
    fixed = [record.slot, record.generation, record.arch.num_blocks, fusions_of(record.arch)]
    return [int(on_front), *fixed, *(values.get(name) for name in names)]


def _loss(objective: Any, record: Record) -> tuple[float, int]:
    return objective.loss(objective.value(record.cost, record.metrics)), record.slot


def _winner(record: Record, objectives: Objectives, front: Sequence[Record]) -> dict[str, Any]:
    """Its slot, and the objectives in which it is the best."""
    ends = [(o.name, min(front, key=partial(_loss, o)).slot) for o in objectives]
    return {'slot': record.slot, 'best': [name for name, slot in ends if slot == record.slot]}


def _drawn(front: Sequence[Record], objectives: Objectives) -> list[Record]:
    """So many of the front as are drawn, in its order: the best of each objective, and others
    evenly spread between them.
    """
    if len(front) <= MOST_DRAWN:
        return list(front)
    slots = {min(front, key=partial(_loss, objective)).slot for objective in objectives}
    step = (len(front) - 1) / (MOST_DRAWN - 1)
    for i in range(MOST_DRAWN):
        if len(slots) < MOST_DRAWN:
            slots.add(front[round(i * step)].slot)
    return [record for record in front if record.slot in slots]


def _finite(value: Any) -> Any:
    """With infinite and undefined numbers of a config as texts: JSON has none."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _algorithm(settings: Mapping[str, Any]) -> str:
    table = settings.get('algorithm')
    return str(table.get('type', '')) if isinstance(table, dict) else str(table or '')


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _drawing(record: Record) -> dict[str, str]:
    """The drawing of a network as SVG, as its family has it; or why there is none."""
    import matplotlib

    with tempfile.TemporaryDirectory() as folder, matplotlib.rc_context({'svg.fonttype': 'none'}):
        path = Path(folder, 'net.svg')
        try:
            draw_arch(record.arch, path, f'slot {record.slot}')
        except UserError as error:
            return {'svg': '', 'why': str(error)}
        return {'svg': small_svg(path.read_text(encoding='utf-8'))}


_NUMBER = re.compile(r'-?\d+\.\d{2,}')


def small_svg(text: str) -> str:
    """An SVG of matplotlib without notes and background, lengths in tenths of a point."""
    text = text[text.index('<svg') :]
    text = re.sub(r'<metadata>.*?</metadata>|<!--.*?-->', '', text, flags=re.S)
    text = re.sub(r'<g id="patch_1">.*?</g>', '', text, count=1, flags=re.S)
    text = _NUMBER.sub(_rounded, text)
    return re.sub(r'\s+', ' ', text).replace('> <', '><')


def _rounded(match: re.Match[str]) -> str:
    value = float(match[0])
    # What is smaller is a scale or an opacity, and no length.
    return match[0] if abs(value) < 1.0 else f'{value:.1f}'.removesuffix('.0')
