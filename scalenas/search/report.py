"""What a search shows: progress while it runs; tables, archs and hypervolume when it is done."""

from __future__ import annotations

import csv
import io
import itertools
import json
import logging
import math
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TextIO

from scalenas.arch import dump
from scalenas.errors import unreadable
from scalenas.staging import write_whole

from .objectives import Objectives
from .pareto import Point, front, hypervolume
from .record import Record, SearchError
from .started import CARD, Start

logger = logging.getLogger(__name__)


def volume_rows(records: Sequence[Record], objectives: Objectives) -> list[dict[str, float]] | None:
    """One row a generation: evaluated so far, size of the front, its hypervolume, the reference.

    Every objective is scaled such that the best value of generation 0 is 0 and its worst is 1, and
    that worst corner is the reference: a front of the later generations may exceed 1. In columns
    `reference NAME` it stands in the unit of the objective. None where nothing can count it.
    """
    if not records:
        return []
    order, (best, worst) = objectives.by_cost, _box(records, objectives)
    corner = {f'reference {o.name}': o.loss(value) for o, value in zip(order, worst, strict=True)}
    ordered = sorted(records, key=lambda record: (record.generation, record.slot))
    generations = itertools.groupby(ordered, key=lambda record: record.generation)
    groups = [(generation, list(new)) for generation, new in generations]
    volumes = _volumes([new for _, new in groups], objectives, best, worst)
    if volumes is None:
        return None
    return [
        {'generation': g, 'evaluated': done, 'front': size, 'hypervolume': volume, **corner}
        for (g, _), (done, size, volume) in zip(groups, volumes, strict=True)
    ]


def volume_curve(
    records: Sequence[Record],
    objectives: Objectives,
    start: Sequence[Record] | None = None,
    most: int = 100,
) -> list[tuple[int, float]] | None:
    """(number evaluated, hypervolume) at up to `most` numbers, by slot; None where none can count.

    The unit is that of `volume_rows`: generation 0 of the records, or of those in `start`, so that
    several studies have one unit.
    """
    if not records:
        return []
    ordered = sorted(records, key=lambda record: record.slot)
    num = min(most, len(ordered))
    ends = [0, *(len(ordered) * (i + 1) // num for i in range(num))]
    groups = [ordered[a:b] for a, b in itertools.pairwise(ends)]
    volumes = _volumes(groups, objectives, *_box(start or records, objectives))
    return None if volumes is None else [(done, volume) for done, _, volume in volumes]


def _box(records: Sequence[Record], objectives: Objectives) -> tuple[list[float], list[float]]:
    """The best and the worst loss of generation 0 in each objective."""
    first = [record for record in records if record.generation == 0] or records
    axes = list(zip(*objectives.points(first), strict=True))
    return [min(axis) for axis in axes], [max(axis) for axis in axes]


def _volumes(
    groups: Iterable[Sequence[Record]],
    objectives: Objectives,
    best: Sequence[float],
    worst: Sequence[float],
) -> list[tuple[int, int, float]] | None:
    """After each group: evaluated so far, size of the front, its hypervolume."""
    rows: list[tuple[int, int, float]] = []
    members: list[Point] = []
    done = 0
    for new in groups:
        done += len(new)
        pool = [*members, *(_scaled(point, best, worst) for point in objectives.points(new))]
        members = [pool[i] for i in front(pool)]
        try:
            volume = hypervolume(members, (1.0,) * len(best))
        except ModuleNotFoundError as error:
            logger.warning('no hypervolume of %d objectives: %s', len(best), error)
            return None
        rows.append((done, len(members), volume))
    return rows


def _scaled(point: Point, best: Sequence[float], worst: Sequence[float]) -> Point:
    # Where all of generation 0 are equal there is no unit but the objective's own.
    return tuple(
        1.0 + (value - high) / ((high - low) or 1.0)
        for value, low, high in zip(point, best, worst, strict=True)
    )


ARCH_NAME = re.compile(r'\d{4,}\.yaml')


def front_of(records: Sequence[Record], objectives: Objectives) -> list[Record]:
    """The records that no other dominates, by rising cost; of equal points the first slot."""
    chosen: dict[tuple[float, ...], Record] = {}
    for i in front(objectives.points(records)):
        chosen.setdefault(objectives.point(records[i]), records[i])
    return list(chosen.values())


def write_report(
    records: Sequence[Record],
    objectives: Objectives,
    folder: str | Path,
    checkpoint: str = '',
    study: str = '',
    measured: Mapping[int, Mapping[str, float]] | None = None,
    start: Start | None = None,
) -> None:
    """Write front.csv, front.json, all.csv, hypervolume.csv and archs/NNNN.yaml (NNNN is the slot).

    study.json says what the numbers belong to: objectives, name of the `study`, SHA-256 of the
    supernet's `checkpoint`, and the `start` of the search.
    `measured` has more columns of networks of the front, by slot: what was measured of them whole.
    Each file is replaced as a whole, so a reader never sees half of one. Archs that left the
    front are removed from archs/; the study keeps them.
    """
    folder = Path(folder)
    archs = folder / 'archs'
    archs.mkdir(parents=True, exist_ok=True)
    best, more = front_of(records, objectives), measured or {}
    for record in best:
        write_whole(folder / arch_file(record), dump(record.arch))
    entries = [
        {
            'slot': record.slot,
            'generation': record.generation,
            'cost': dict(record.cost),
            'metrics': _numbers(record),
            'arch': arch_file(record),
            **({'measured': dict(more[record.slot])} if record.slot in more else {}),
        }
        for record in best
    ]
    write_whole(folder / 'front.json', json.dumps(entries, indent=1, allow_nan=False) + '\n')
    card = {
        'study': study,
        'checkpoint_sha256': checkpoint,
        'objectives': objectives.to_list(),
        **({'started': start.to_dict()} if start is not None else {}),
    }
    write_whole(folder / CARD, json.dumps(card, indent=1) + '\n')
    rows = [
        {**_row(record), **more.get(record.slot, {}), 'arch': arch_file(record)} for record in best
    ]
    write_whole(folder / 'front.csv', table_text(rows))
    write_whole(folder / 'all.csv', table_text([_row(record) for record in records]))
    if (volumes := volume_rows(records, objectives)) is not None:
        write_whole(folder / 'hypervolume.csv', table_text(volumes))
    kept = {Path(arch_file(record)).name for record in best}
    for path in archs.iterdir():
        if ARCH_NAME.fullmatch(path.name) and path.name not in kept:
            path.unlink(missing_ok=True)


def check_report(folder: str | Path, study: str) -> None:
    """Pass when no report of another study lies in the folder.

    Raises:
        SearchError: when one does.
    """
    path = Path(folder, CARD)
    try:
        card = json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise unreadable(path, error, SearchError, 'the card of a search') from None
    known = card.get('study') if isinstance(card, dict) else None
    if known and known != study:
        raise SearchError(
            'holds the report of the study',
            where=path.parent,
            got=known,
            allowed=[study],
            hint='choose another work dir or study name',
        )


def arch_file(record: Record) -> str:
    """Where a record of the front keeps its arch, relative to the report."""
    return f'archs/{record.slot:04d}.yaml'


def _row(record: Record) -> dict[str, Any]:
    return {
        'slot': record.slot,
        'generation': record.generation,
        **record.cost,
        **_numbers(record),
    }


def _numbers(record: Record) -> dict[str, float]:
    """The metrics that are numbers: JSON knows no NaN, and a class that is nowhere has no value."""
    return {name: value for name, value in record.metrics.items() if math.isfinite(value)}


def write_findings(findings: Mapping[str, str], folder: str | Path) -> None:
    """Write what `AbstractSearch.findings` gave, each file as a whole."""
    for name, text in findings.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def table_text(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV; the columns are the keys of all rows."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


WIDTH = 24
REMIND_SECONDS = 60.0


class ProgressLine:
    """Evaluated of total, the best so far, time left; elsewhere than on a terminal only logs."""

    def __init__(self, objectives: Objectives, total: int, stream: TextIO = sys.stderr) -> None:
        self.objectives = objectives
        self.total = total
        self._stream = stream
        self._moving = stream.isatty() or 'ipykernel' in sys.modules
        self._start = time.monotonic()
        self._known_at_start: int | None = None
        self._last = ''
        self._reminded = float('-inf')

    def update(self, records: Sequence[Record]) -> None:
        """Redraw the line."""
        if self._known_at_start is None:
            self._known_at_start = len(records)
        self._last = self.line(records)
        self._draw(self._last)

    def line(self, records: Sequence[Record]) -> str:
        """Evaluated / total, best, time left by the pace of all workers since this one began."""
        count = len(records)
        filled = min(WIDTH, WIDTH * count // self.total)
        text = f'[{"#" * filled}{"." * (WIDTH - filled)}] {count}/{self.total}'
        if records:
            best = self.objectives.best(records)
            first, *others = self._texts(best)
            text += f'  best {first}' + (f' ({", ".join(others)})' if others else '')
        fresh = count - (self._known_at_start or 0)
        if fresh > 0 and count < self.total:
            pace = (time.monotonic() - self._start) / fresh
            text += f'  left {timedelta(seconds=round(pace * (self.total - count)))}'
        return text

    def evaluated(self, record: Record, seconds: float) -> None:
        """Log the network that this worker evaluated."""
        self._draw('')
        logger.info(
            'slot %d (generation %d): %s, %.2f s%s',
            record.slot,
            record.generation,
            ', '.join([*self._texts(record, metrics_only=True), str(record.cost)]),
            seconds,
            '' if self._moving else f'  {self._last}',
        )

    def _texts(self, record: Record, metrics_only: bool = False) -> list[str]:
        chosen = self.objectives.metrics if metrics_only else self.objectives
        return [o.text(o.value(record.cost, record.metrics)) for o in chosen]

    def waiting(self, running: Sequence[tuple[int, str]]) -> None:
        """Say now and then for whom the search waits."""
        if time.monotonic() - self._reminded < REMIND_SECONDS:
            return
        self._reminded = time.monotonic()
        names = '; '.join(f'{worker} (slot {slot})' for slot, worker in running)
        self._draw('')
        logger.info('waiting for the end of the generation: %s', names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._moving:
            self._stream.write('\n')

    def _draw(self, text: str) -> None:
        if self._moving:
            self._stream.write(f'\r\x1b[2K{text}')
            self._stream.flush()
