"""What a search leaves for its user: the front and all records as tables, the archs as YAML."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scalenas.arch import dump
from scalenas.errors import unreadable
from scalenas.staging import write_whole

from .objectives import Objectives
from .pareto import front
from .record import Record, SearchError
from .volume import volume_rows

CARD = 'study.json'
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
) -> None:
    """Write front.csv, front.json, all.csv, hypervolume.csv and archs/NNNN.yaml (NNNN is the slot).

    study.json says what the numbers belong to: objectives, name of the `study`, SHA-256 of the
    supernet's `checkpoint`.
    Each file is replaced as a whole, so a reader never sees half of one. Archs that left the
    front are removed from archs/; the study keeps them.
    """
    folder = Path(folder)
    archs = folder / 'archs'
    archs.mkdir(parents=True, exist_ok=True)
    best = front_of(records, objectives)
    for record in best:
        write_whole(folder / arch_file(record), dump(record.arch))
    entries = [
        {
            'slot': record.slot,
            'generation': record.generation,
            'cost': dict(record.cost),
            'metrics': _numbers(record),
            'arch': arch_file(record),
        }
        for record in best
    ]
    write_whole(folder / 'front.json', json.dumps(entries, indent=1, allow_nan=False) + '\n')
    card = {
        'study': study,
        'checkpoint_sha256': checkpoint,
        'objectives': objectives.to_list(),
    }
    write_whole(folder / CARD, json.dumps(card, indent=1) + '\n')
    rows = [{**_row(record), 'arch': arch_file(record)} for record in best]
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
    """The metrics that are numbers: JSON knows no NaN, and a class that is nowhere has no score."""
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
