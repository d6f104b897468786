"""Configs that inherit and compute: Python source among plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scalenas.config.walk import place_of
from scalenas.export.text import as_source


class Code(str):
    """An expression, which stands in a config as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


CHANNELS = ('in_channels', 'channels', 'feat_channels')
"""Arguments of necks and heads that follow the width of a backbone."""


def of_width(value: Any, width: int, key: str = '') -> Any:
    """`value` with the channels of heads and necks as multiples of `width`."""
    if isinstance(value, Mapping):
        return {k: of_width(item, width, str(k)) for k, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(of_width(item, width, key) for item in value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key not in CHANNELS or not whole or value <= 0 or value % width:
        return value
    return Code('width' if value == width else f'{value // width} * width')


def assignments(
    target: str, changed: Iterable[tuple[tuple[str | int, ...], Mapping[str, Any]]]
) -> list[str]:
    """Statements that change parts of a table that is called `target`."""
    lines = []
    for path, table in changed:
        place = place_of(path, target)
        # An update of mmengine's tables would merge those in them.
        tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
        if plain := {key: value for key, value in table.items() if key not in tables}:
            lines.append(f'{place}.update({_arguments(plain)})')
        lines += [f'{place}[{key!r}] = {as_source(value)}' for key, value in tables.items()]
    return lines


def _arguments(table: Mapping[str, Any]) -> str:
    source = as_source(table, 0)
    return source[len('dict(') : -1] if source.startswith('dict(') else source


def extended(start: str, table: Mapping[str, Any]) -> Code:
    """The table that an expression gives, with more in it."""
    source = as_source({key: table[key] for key in table})
    if not source.startswith('dict('):
        return Code(f'dict({start})')
    return Code(
        f'dict({start}, {source[5:]}'.replace(f'dict({start}, \n', f'dict(\n    {start},\n')
    )


def instead(value: Any, known: bool) -> Any:
    """A value that takes the place of another one, which tables do not do by themselves.

    Of a key that the base does not have mmengine would keep the mark: `known` says that it has it.
    """
    return {'_delete_': True, **value} if known and isinstance(value, Mapping) else value


def assigned(variables: Mapping[str, Any]) -> list[str]:
    """Statements that give variables their values."""
    return [f'{name} = {as_source(value, 0, name)}' for name, value in variables.items()]


def text(header: str, base: str, lines: Iterable[str]) -> str:
    """A config that inherits from `base`; `header` is its comment."""
    comment = ''.join(f'# {line}\n' for line in header.splitlines())
    return f'{comment}_base_ = {base!r}\n' + ''.join(f'{line}\n' for line in lines)
