"""Published numbers, each beside what is counted here: `model_zoo/numbers.yaml` as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from scalenas.arch import ArchError, Head, HRArch, Size, named, parse_head
from scalenas.arch.strict import as_choice, as_list, as_mapping
from scalenas.complexity import SCALENAS, Counter
from scalenas.paths import resource
from scalenas.space import HRSpace, from_dict

NUMBERS = 'model_zoo/numbers.yaml'
COUNTED = ('params_m', 'gimac', 'blocks', 'fusions', 'networks')
STATUS = ('exact', 'near', 'reported')


@dataclass(frozen=True, slots=True)
class Number:
    """One printed number: of which network or space, in which setting, what, and how it holds."""

    subject: str
    setting: str
    quantity: str
    paper: str
    status: str
    reason: str = ''
    here: str = ''


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of one published table."""

    title: str
    source: str
    numbers: tuple[Number, ...]


def read_tables(text: str | None = None) -> tuple[dict[str, str], list[Table]]:
    """Title of each quantity, and all tables of `text` (None: of the shipped file), counted anew.

    Raises:
        ArchError: one line, when the file says something it may not.
    """
    text = resource(NUMBERS).read_text(encoding='utf-8') if text is None else text
    data = as_mapping(yaml.safe_load(text), NUMBERS, ('quantities', 'tables'))
    titles: dict[str, str] = data['quantities']
    tables = []
    for t, item in enumerate(as_list(data['tables'], f'{NUMBERS}: tables', 'tables')):
        where = f'{NUMBERS}: tables[{t}]'
        table = as_mapping(item, where, ('title', 'source', 'numbers'), ('head',))
        head = parse_head(table.get('head', 'none'))
        numbers = tuple(
            _number(row, head, titles, f'{where}.numbers[{n}]')
            for n, row in enumerate(as_list(table['numbers'], f'{where}.numbers', 'numbers'))
        )
        tables.append(Table(table['title'], table['source'], numbers))
    return titles, tables


def _number(row: Any, head: Head | None, titles: dict[str, str], where: str) -> Number:
    required = ('quantity', 'paper', 'status')
    optional = ('net', 'space', 'pick', 'size', 'setting', 'reason')
    row = as_mapping(row, where, required, optional)
    quantity = as_choice(row['quantity'], f'{where}.quantity', tuple(titles))
    status = as_choice(row['status'], f'{where}.status', STATUS)
    if not isinstance(row['paper'], str):
        raise ArchError(f'{where}.paper: write the printed digits in quotes, got {row["paper"]!r}')
    if ('net' in row) == ('space' in row):
        raise ArchError(f"{where}: needs either 'net' or 'space'")
    if (status == 'near') != ('reason' in row):
        raise ArchError(f"{where}: a 'reason' belongs to status 'near', and only there")
    if status != 'reported' and 'size' not in row and quantity in ('params_m', 'gimac'):
        raise ArchError(f"{where}: key 'size' is missing, {quantity} is counted at an input size")
    size = tuple(row['size']) if 'size' in row else None
    here = ''
    if status != 'reported':
        as_choice(quantity, f'{where}.quantity', COUNTED)
        decimals = len(row['paper'].partition('.')[2])
        here = _counted(quantity, _subject(row), size, head, decimals)
    if 'net' in row:
        subject = row['net']
    else:
        space = from_dict(row['space'])
        subject = f'{row["pick"]} of the width-{space.width} space' if 'pick' in row else 'space'
    setting = row.get('setting') or (f'{size[0]} x {size[1]}' if size else '')
    return Number(subject, setting, quantity, row['paper'], status, row.get('reason', ''), here)


def _subject(row: Any) -> HRArch | HRSpace:
    if 'net' in row:
        return named(row['net'])
    space = from_dict(row['space'])
    if 'pick' not in row:
        return space
    as_choice(row['pick'], 'pick', ('smallest', 'largest'))
    return space.smallest() if row['pick'] == 'smallest' else space.largest()


def _counted(
    quantity: str, subject: HRArch | HRSpace, size: Size | None, head: Head | None, decimals: int
) -> str:
    if isinstance(subject, HRSpace):
        return f'{subject.size():.0e}'
    if quantity in ('blocks', 'fusions'):
        return str(subject.num_blocks if quantity == 'blocks' else subject.num_fusions)
    assert size is not None
    cost = Counter(size, head)(subject)
    value = cost.params / 1e6 if quantity == 'params_m' else cost.gmacs(SCALENAS)
    return f'{value:.{decimals}f}'
