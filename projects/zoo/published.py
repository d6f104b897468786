"""Published numbers, each beside what is counted here: `model_zoo/numbers*.yaml` as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from scalenas.arch import (
    Arch,
    ArchError,
    Head,
    HRArch,
    Size,
    layers,
    list_archs,
    named,
    parse_head,
    rounding,
)
from scalenas.arch.strict import as_choice, as_list, as_mapping, wrong
from scalenas.complexity import (
    SCALENAS,
    Cost,
    Counter,
    count,
    count_at_output_size,
    count_floored,
    count_operations,
)
from scalenas.paths import resource
from scalenas.scaling import parse_strategy, scale, table_entry
from scalenas.space import HRSpace

NUMBERS = 'model_zoo/numbers.yaml'
FILES = (NUMBERS, 'model_zoo/numbers_families.yaml')
COSTS = ('params_m', 'gimac', 'gmac', 'gmac_floor', 'gmac_output', 'gop_mmdet', 'acts_m')
COUNTED = (*COSTS, 'blocks', 'fusions', 'networks')
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
    config: str = ''
    """Path of the recipe for the network in this setting, from the top of the repository."""


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of one published table."""

    title: str
    source: str
    numbers: tuple[Number, ...]


def read_tables(text: str | None = None) -> tuple[dict[str, str], list[Table]]:
    """Title of each quantity, and all tables of `text` (None: of the shipped files), counted anew.

    Raises:
        ArchError: one line, when the file says something it may not.
    """
    if text is not None:
        return _read(text)
    titles: dict[str, str] = {}
    tables: list[Table] = []
    for file in FILES:
        more, rows = _read(resource(file).read_text(encoding='utf-8'))
        titles.update(more)
        tables += rows
    return titles, tables


def _read(text: str) -> tuple[dict[str, str], list[Table]]:
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
    optional = ('net', 'space', 'pick', 'size', 'scale', 'head', 'setting', 'reason', 'config')
    row = as_mapping(row, where, required, optional)
    head = parse_head(row['head']) if 'head' in row else head
    quantity = as_choice(row['quantity'], f'{where}.quantity', tuple(titles))
    status = as_choice(row['status'], f'{where}.status', STATUS)
    if not isinstance(row['paper'], str):
        raise wrong(f'{where}.paper', 'the printed digits, in quotes', row['paper'])
    if ('net' in row) == ('space' in row):
        raise wrong(where, "either 'net' or 'space'", list(row))
    if (status == 'near') != ('reason' in row):
        raise wrong(f'{where}.status', "'near' beside a reason, and only there", status)
    size = tuple(row['size']) if 'size' in row else None
    here = ''
    if status != 'reported':
        as_choice(quantity, f'{where}.quantity', COUNTED)
        decimals = len(row['paper'].partition('.')[2])
        counted = _subject(row)
        if size is None and not isinstance(counted, HRSpace):
            size = counted.size
        if size is None and quantity in COSTS:
            raise ArchError(
                "key 'size' is missing",
                where=where,
                allowed=f'an input size to count {quantity} at',
            )
        here = _counted(quantity, counted, size, head, decimals)
    elif size is None and row.get('net') in list_archs():
        size = named(row['net']).size  # one line of the page with the costs of the net
    if 'net' in row:
        subject = row['net']
    else:
        space = HRSpace.from_dict(row['space'])
        subject = f'{row["pick"]} of the width-{space.width} space' if 'pick' in row else 'space'
    setting = row.get('setting') or (f'{size[0]} x {size[1]}' if size else '')
    reason, config = row.get('reason', ''), row.get('config', '')
    try:
        resource(config or NUMBERS)
    except FileNotFoundError:
        raise ArchError('no such file', where=f'{where}.config', got=config) from None
    return Number(subject, setting, quantity, row['paper'], status, reason, here, config)


def _subject(row: Any) -> Arch | HRSpace:
    if 'net' in row:
        arch = named(row['net'])
        return _scaled(arch, row['scale']) if 'scale' in row else arch
    space = HRSpace.from_dict(row['space'])
    if 'pick' not in row:
        return space
    as_choice(row['pick'], 'pick', ('smallest', 'largest'))
    return space.smallest() if row['pick'] == 'smallest' else space.largest()


def _scaled(arch: Arch, how: Any) -> Arch:
    how = as_mapping(how, 'scale', (), ('table', 'strategy', 'factor', 'rounding'))
    if 'table' in how:
        return scale(arch, *table_entry(how['table'])).arch
    scaling = parse_strategy(how['strategy'])(how['factor'])
    return scale(arch, scaling, rounding(how['rounding'])).arch


def _counted(
    quantity: str, subject: Arch | HRSpace, size: Size | None, head: Head | None, decimals: int
) -> str:
    if isinstance(subject, HRSpace):
        return f'{subject.size():.0e}'
    if quantity == 'blocks':
        return str(subject.num_blocks)
    if quantity == 'fusions':
        return str(subject.num_fusions if isinstance(subject, HRArch) else 0)
    assert size is not None
    cost = Counter(size, head)(subject)
    if quantity == 'gmac_floor':
        on_top = count(head.layers(subject.features(size))) if head is not None else Cost()
        value = (count_floored(layers(subject, size), size) + on_top).gmacs()
    elif quantity == 'gmac_output':
        on_top = count_at_output_size(head.layers(subject.features(size))) if head else Cost()
        value = (Counter(size)(subject) + on_top).gmacs()
    elif quantity == 'gop_mmdet':
        assert isinstance(subject, HRArch)
        assert head is not None
        value = count_operations(subject, size, head) / 1e9
    else:
        value = {
            'params_m': cost['params'] / 1e6,
            'acts_m': cost['acts'] / 1e6,
            'gimac': cost.gmacs(SCALENAS),
            'gmac': cost.gmacs(),
        }[quantity]
    return f'{value:.{decimals}f}'
