"""Which studies a page shows, and which points of reference: from what a command line names."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalenas.errors import unreadable
from scalenas.search import SearchError, SearchStudy
from scalenas.search.databases import is_url
from scalenas.search.started import CARD

from .search_report import control_of

STORAGES = ('study.db', 'study.journal')
EXAMPLE = 'NAME=metrics.json or NAME:mIoU=50.3,macs=219e6'


@dataclass(frozen=True, slots=True)
class Reference:
    """A point that no search has evaluated: a teacher, a stock net."""

    name: str
    values: Mapping[str, float]


def studies_at(places: Sequence[str], names: Sequence[str] = ()) -> list[SearchStudy]:
    """The studies of these work dirs, storage files or URLs; the objectives of all are equal.

    A work dir means the study whose report lies in it, and the random study that its figure shows;
    a folder of `scalenas init` means its last search.
    `names` choose in storages that hold several.

    Raises:
        SearchError: for a place without study, a name that none has, or other objectives.
        StudyError: for a storage that cannot be read.
    """
    left = dict.fromkeys(names)
    known: list[str] = []
    studies: list[SearchStudy] = []
    for place in places:
        path = Path(place) if is_url(place) else _work_dir(Path(place))
        if is_url(place) or not path.is_dir():
            storage, own = place, None
        else:
            storage, own = _storage_of(path), _name_in(path)
        here = SearchStudy.names(storage) if names else []
        known += here
        if chosen := [name for name in left if name in here]:
            studies += [SearchStudy.read(storage, name) for name in chosen]
            left = {name: None for name in left if name not in chosen}
        else:
            studies += _with_control(SearchStudy.read(storage, own), path)
    if left:
        raise SearchError(where='--study-name', got=next(iter(left)), allowed=known)
    for study in studies[1:]:
        if study.objectives != studies[0].objectives:
            raise SearchError(
                f'the studies {studies[0].name} and {study.name} have different objectives',
                where='report',
                got=study.objectives.names,
                allowed=[studies[0].objectives.names],
                hint='make a page for each',
            )
    return studies


def _work_dir(folder: Path) -> Path:
    """The folder, or that of the last search within a folder of `scalenas init`."""
    if any((folder / name).is_file() for name in STORAGES):
        return folder
    found = [path for name in STORAGES for path in folder.glob(f'work_dirs/search_*/{name}')]
    return max((path.parent for path in found), key=lambda p: p.stat().st_mtime, default=folder)


def _storage_of(folder: Path) -> str:
    """The storage of the search that has its report in a folder: there, or one above."""
    for path in (parent / name for parent in (folder, folder.parent) for name in STORAGES):
        if path.is_file():
            return str(path)
    raise SearchError(
        f'holds no {" and no ".join(STORAGES)}',
        where=folder,
        hint='name the storage of the search, and --study-name',
    )


def _name_in(folder: Path) -> str | None:
    """The study whose report lies in a folder; None where no report is written yet."""
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise unreadable(path, error, SearchError, 'the card of a search') from None
    return str(card['study']) if isinstance(card, dict) and card.get('study') else None


def _with_control(study: SearchStudy, place: Path) -> list[SearchStudy]:
    algorithm = study.settings.get('algorithm')
    ending = f'_{algorithm["type"]}' if isinstance(algorithm, dict) and 'type' in algorithm else ''
    if not place.is_dir() or not ending or not study.name.endswith(ending):
        return [study]
    control = control_of(study, f'{study.name.removesuffix(ending)}_random')
    return [study] if control is None else [study, control]


def references_of(texts: Sequence[str], known: Sequence[str]) -> list[Reference]:
    """The points of options `--reference`; options of one name say different things of it.

    `known` are the columns and metrics of the studies. Of a file those are taken: of its numbers,
    and of those under `cost`, `metrics` and `search`, as the card of an export has them.

    Raises:
        SearchError: for another form, a file that cannot be read, or one without such a number.
    """
    points: dict[str, dict[str, float]] = {}
    for text in texts:
        by_file = '=' in text and ':' not in text.partition('=')[0]
        name, _, rest = text.partition('=' if by_file else ':')
        values = _of_file(rest) if by_file else _of_pairs(text, rest)
        kept = {key: value for key, value in values.items() if key in known}
        if not name.strip():
            raise SearchError(where='--reference', got=text, allowed=EXAMPLE)
        strange = [key for key in values if key not in known]
        if not kept or (strange and not by_file):
            got = text if by_file else strange[0]
            raise SearchError(
                'is no number of the studies', where='--reference', got=got, allowed=known
            )
        points.setdefault(name.strip(), {}).update(kept)
    return [Reference(name, values) for name, values in points.items()]


def _of_pairs(text: str, rest: str) -> dict[str, float]:
    values = {}
    for pair in rest.split(','):
        name, _, value = pair.partition('=')
        try:
            values[name.strip()] = float(value)
        except ValueError:
            raise SearchError(where='--reference', got=text, allowed=EXAMPLE) from None
        if not math.isfinite(values[name.strip()]):
            raise SearchError(where='--reference', got=text, allowed='finite numbers')
    return values


def _of_file(path: str) -> dict[str, float]:
    try:
        data = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise unreadable(path, error, SearchError, 'metrics as JSON') from None
    return _numbers(data)


def _numbers(data: Any) -> dict[str, float]:
    if not isinstance(data, dict):
        return {}
    values = {
        str(key): float(value)
        for key, value in data.items()
        if isinstance(value, int | float) and math.isfinite(value) and not isinstance(value, bool)
    }
    for part in ('cost', 'metrics', 'search'):
        values |= _numbers(data.get(part))
    return values
