"""What the numbers of a search depend on, as plain data that can be compared by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any, NamedTuple

LOADERS = ('search_dataloader', 'calibration_dataloader')
UNSEEN_OF_LOADERS = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
"""They change how fast pictures come, not which."""

UNSEEN_OF_MODEL = ('init_from', 'init_cfg', 'distillation', 'sampler')
"""They were for the training: no sub-net is evaluated with them."""

ABSENT = '(nothing)'


def what_counts(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a config that candidates are built, calibrated and validated by."""
    model = {**(cfg.get('model') or {})}
    if cfg.get('data_preprocessor') is not None:
        model.setdefault('data_preprocessor', cfg['data_preprocessor'])
    data = {name: cfg.get(name) or {} for name in LOADERS}
    parts = {
        'model': _without(model, UNSEEN_OF_MODEL),
        **{name: _without(value, UNSEEN_OF_LOADERS) for name, value in data.items()},
        'evaluator': _evaluator(cfg),
    }
    search = cfg.get('search')
    if isinstance(search, Mapping) and search.get('classes', 'all') != 'all':
        parts['classes'] = search['classes']
    plain: dict[str, Any] = as_plain(parts)
    return plain


def _evaluator(cfg: Mapping[str, Any]) -> Any:
    given = cfg.get('search_evaluator')
    return cfg.get('val_evaluator') if given is None else given


def as_plain(value: Any) -> Any:
    """The value as JSON would give it back; what JSON does not know, as text."""
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    # As text, a function would say where it lies in memory, and differ in each run.
    if isinstance(value, FunctionType):
        return f'{value.__module__}.{value.__qualname__}'
    return str(value)


class Difference(NamedTuple):
    """A place where two plain values differ, and what both have there."""

    name: str
    there: Any
    here: Any

    def __str__(self) -> str:
        return f'{self.name} is {str(self.there)[:80]} there and {str(self.here)[:80]} here'


def difference(known: Any, asked: Any, name: str = '') -> Difference:
    """The first place where two plain values differ; they must differ."""
    if isinstance(known, dict) and isinstance(asked, dict):
        for key in dict.fromkeys([*known, *asked]):
            one, other = known.get(key, ABSENT), asked.get(key, ABSENT)
            if one != other:
                return difference(one, other, f'{name}.{key}' if name else str(key))
    if isinstance(known, list) and isinstance(asked, list) and len(known) == len(asked):
        for i, (one, other) in enumerate(zip(known, asked, strict=True)):
            if one != other:
                return difference(one, other, f'{name}[{i}]')
    return Difference(name, known, asked)


def _without(table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in names}
