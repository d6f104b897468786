"""All that the numbers of a study depend on, kept in it: who opens it must ask for the same."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

import optuna
from optuna.storages import BaseStorage

from scalenas.errors import UserError
from scalenas.space import from_dict as space_from_dict

from .objectives import Objectives
from .record import StudyError
from .storage import Patience
from .trials import HINT, Genes

LOADERS = ('search_dataloader', 'calibration_dataloader')
UNSEEN_OF_LOADERS = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
"""They change how fast images are read, not which."""

UNSEEN_OF_MODEL = ('init_from', 'init_cfg', 'distillation', 'sampler', 'compile_units')
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
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return f'{value.__module__}.{value.__qualname__}'
    if isinstance(value, partial):
        parts = {'partial': value.func, 'args': value.args, 'keywords': value.keywords}
        return as_plain(parts)
    return str(value)


def is_repeatable(value: object) -> bool:
    """False for what another process cannot recognize: its text says where it lies in memory."""
    return ' at 0x' not in json.dumps(as_plain(value))


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


KEY = 'scalenas'
SCORED_BY = ('space', 'size', 'checkpoint', 'config', 'columns', 'metrics')
USUAL = {'mode': 'sync'}
"""What settings mean that do not say so."""

Settings = Mapping[str, object]


class Fingerprint:
    """The settings in the attributes of a study.

    Args:
        label: names the study in messages.
    """

    def __init__(self, storage: BaseStorage, number: int, wait: Patience, label: str) -> None:
        self._storage, self._id, self._wait, self._label = storage, number, wait, label
        self._genes: list[Genes] | None = None

    def read(self) -> Any:
        """As they are; None for a study of somebody else."""
        return self._wait(self._storage.get_study_user_attrs, self._id).get(KEY)

    @property
    def settings(self) -> dict[str, Any]:
        """As the study was opened with; empty for a study of somebody else."""
        known = self.read()
        return known if isinstance(known, dict) else {}

    def write(self, settings: Settings) -> None:
        """Keep these."""
        self._wait(self._storage.set_study_user_attr, self._id, KEY, settings)

    def name_values(self, study_name: str, names: Sequence[str]) -> None:
        """Name the values of trials, where they are not named so.

        It is Optuna's own call; its plots and its dashboard have the names from there.
        """

        def name() -> None:
            study = optuna.load_study(study_name=study_name, storage=self._storage)
            if study.metric_names != list(names):
                with warnings.catch_warnings():
                    # Since 2023 Optuna calls it experimental; `study.metric_names` is not.
                    warnings.simplefilter('ignore', optuna.exceptions.ExperimentalWarning)
                    study.set_metric_names(list(names))

        self._wait(name)

    def objectives(self) -> Objectives:
        """Those of the search that made the study.

        Raises:
            StudyError: when nobody can read them.
        """
        data = self.settings.get('objectives')
        try:
            return Objectives.from_list(data, 'objectives')
        except UserError as error:
            raise StudyError(
                f'its settings are damaged, or of an older version: {error}', where=self._label
            ) from None

    def differs_from(self, other: Fingerprint) -> Difference | None:
        """The first setting in which both differ, of those that metrics depend on; else None."""
        mine, theirs = (
            {name: known.get(name) for name in SCORED_BY}
            for known in (self.settings, other.settings)
        )
        return difference(theirs, mine) if mine != theirs else None

    def check(self, settings: Settings, known: Any) -> None:
        """Pass when the study was made with these settings.

        Raises:
            StudyError: names the first that differs.
        """
        if not isinstance(known, dict):
            raise StudyError('its settings are damaged', where=self._label, got=known, hint=HINT)
        if known != settings:
            apart = difference({**USUAL, **known}, {**USUAL, **settings})
            raise StudyError(
                f'was made with another {apart.name}',
                where=self._label,
                got=apart.here,
                allowed=[apart.there],
                hint='restore it, or choose another study name or work dir',
            )

    def genes(self) -> Genes | None:
        """Those of the space in the settings, where they describe one."""
        if self._genes is None:
            try:
                self._genes = [Genes(space_from_dict(self.settings.get('space'), self._label))]
            except UserError:  # a family from elsewhere, or none: then archs are not looked at
                self._genes = []
        return self._genes[0] if self._genes else None


def may_replace(known: Any, settings: Mapping[str, Any]) -> bool:
    """Whether a study that has no result may take other settings.

    Directions and the values of parameters are the storage's own, and stay.
    """
    if not isinstance(known, dict) or known.get('space') != settings.get('space'):
        return False
    try:
        one, other = (
            [row['direction'] for row in table['objectives']] for table in (known, settings)
        )
    except (LookupError, TypeError):
        return False
    return one == other
