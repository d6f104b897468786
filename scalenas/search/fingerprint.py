"""All that a study depends on, kept in the study itself: who opens it must ask for the same."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.storages import BaseStorage

from scalenas.errors import UserError
from scalenas.space import from_dict as space_from_dict

from .candidate import Genes
from .objectives import Objectives
from .patience import Patience
from .record import StudyError
from .rows import HINT
from .settings import Difference, difference

KEY = 'scalenas'
SCORED_BY = ('space', 'size', 'checkpoint', 'config')
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
        """What the scores of both depend on and differ in; None for nothing."""
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
            apart = difference(known, settings)
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
