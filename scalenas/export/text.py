"""Plain values as Python source: configs that people read and edit."""

from __future__ import annotations

import keyword
import math
import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

from scalenas.errors import ExportError

WIDTH = 100


def as_config(variables: Mapping[str, Any], header: str = '') -> str:
    """A config file: `header` as a comment, then one assignment per variable, in order.

    Raises:
        ExportError: for a value that has no plain form; names it.
    """
    comment = ''.join(f'# {line}'.rstrip() + '\n' for line in header.splitlines())
    lines = [f'{name} = {as_source(value, 0, name)}' for name, value in variables.items()]
    return '\n'.join([comment, *lines]).lstrip('\n') + '\n'


def as_source(value: Any, indent: int = 0, where: str = '') -> str:
    """Python source of a value built of tables, lists, tuples, text and numbers."""
    if isinstance(value, Mapping):
        plain = all(isinstance(k, str) and _is_name(k) for k in value)
        items = [
            (f'{key}=' if plain else f'{key!r}: ', item, f'{where}.{key}')
            for key, item in sorted(value.items(), key=lambda item: item[0] != 'type')
        ]
        return _joined('dict(' if plain else '{', items, ')' if plain else '}', indent)
    if isinstance(value, list | tuple):
        items = [('', item, f'{where}[{i}]') for i, item in enumerate(value)]
        if isinstance(value, tuple):
            return _joined('(', items, ',)' if len(value) == 1 else ')', indent)
        return _joined('[', items, ']', indent)
    if isinstance(value, np.generic):
        value = value.item()  # of a config that computes with numpy
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    raise ExportError(
        f'a plain config cannot hold a {type(value).__name__}', where=where, got=value
    )


def _joined(start: str, items: list[tuple[str, Any, str]], end: str, indent: int) -> str:
    inner = [prefix + as_source(item, indent + 4, where) for prefix, item, where in items]
    line = start + ', '.join(inner) + end
    if '\n' not in line and indent + len(line) <= WIDTH - 20:
        return line
    pad = ' ' * (indent + 4)
    rows = [f'{part},' for part in inner]
    nested = any(isinstance(item, Mapping | list | tuple) for _, item, _ in items)
    if start == '[' and not nested and all(' ' not in row for row in rows):
        # Lists of short words, such as fusions, would fill pages with one word a line.
        rows = textwrap.wrap(
            ' '.join(rows), WIDTH - indent - 4, break_on_hyphens=False, break_long_words=False
        )
    return f'{start}\n' + ''.join(f'{pad}{row}\n' for row in rows) + ' ' * indent + end[-1]


def _is_name(key: str) -> bool:
    # Python normalizes identifiers: dict(µ=1) with the micro sign has the Greek letter as key.
    plain = unicodedata.normalize('NFKC', key) == key
    return plain and key.isidentifier() and not keyword.iskeyword(key)
