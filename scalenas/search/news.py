"""What is new in a study: Optuna's storages, asked for the trials that changed and no others.

Optuna reads all that is unfinished again with each look, and writes each attribute of a trial by
itself. With hundreds of workers that is most of what a claim costs: here a look reads what was
added or has ended since the last one, and a trial is written in seven statements.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial
from sqlalchemy.orm import selectinload

HEARTBEAT = 'heartbeat'
"""The attribute of a running trial that is counted up while its worker lives."""

MOST_BY_ID = 500
"""Trials that one statement names; databases take some hundred parameters, or thousands."""


class News(NamedTuple):
    """Trials that were added or have ended, by id, and the heartbeats of those that still run."""

    trials: list[FrozenTrial]
    heartbeats: Mapping[int, Any]


def news(storage: BaseStorage, study: int, after: int, running: Collection[int]) -> News:
    """What is new in a study since the trial with the id `after`, `running` being unfinished then.

    Trials of a study are added one after the other, so none with a smaller id appears later.
    """
    inner = getattr(storage, '_backend', storage)
    for follows in (storage, inner):
        if isinstance(follows, FollowedDatabase | FollowedJournal):
            return follows.get_news(study, after, running)
    trials = storage.get_all_trials(study, deepcopy=False)
    return _news([t for t in trials if t._trial_id > after or t._trial_id in running], running)


def _news(trials: list[FrozenTrial], running: Collection[int]) -> News:
    still = [t for t in trials if t._trial_id in running and not t.state.is_finished()]
    beats = {t._trial_id: t.user_attrs.get(HEARTBEAT, 0) for t in still}
    return News([t for t in trials if t._trial_id not in beats], beats)


class FollowedJournal(JournalStorage):
    """A journal, which has all trials in memory: it looks at the new ones alone."""

    def get_news(self, study: int, after: int, running: Collection[int]) -> News:
        """See `news`."""
        with self._thread_lock:
            self._sync_with_backend()
            replayed = self._replay_result
            ids = replayed._study_id_to_trial_ids[study]
            new = ids[bisect_right(ids, after) :]
            trials = [replayed._trials[i] for i in (*sorted(running), *new)]
        return _news(trials, running)


class FollowedDatabase(RDBStorage):
    """A database: one look is two statements, and six more when something is new.

    None of them reads more trials the larger the study is: SQLite looks through all of a study for
    a condition with OR, as Optuna's own statement has it.
    """

    def get_news(self, study: int, after: int, running: Collection[int]) -> News:
        """See `news`."""
        trials, attributes = models.TrialModel, models.TrialUserAttributeModel
        with self.engine.connect() as connection:
            mine = sqlalchemy.select(trials.trial_id, trials.state).where(trials.study_id == study)
            looked = [mine.where(trials.trial_id > after)]
            if running:
                looked.append(mine.where(trials.trial_id.in_(running)))
            states = connection.execute(sqlalchemy.union_all(*looked)).all()
            still = [i for i, state in states if i in running and not state.is_finished()]
            rows: Any = ()
            if still:
                rows = connection.execute(
                    sqlalchemy.select(attributes.trial_id, attributes.value_json)
                    .where(attributes.key == HEARTBEAT)
                    .where(attributes.trial_id.in_(still))
                ).all()
        beats: dict[int, Any] = dict.fromkeys(still, 0)
        beats.update({trial_id: json.loads(text) for trial_id, text in rows})
        fresh = {i for i, _ in states} - beats.keys()
        if len(fresh) > MOST_BY_ID:
            # What is added in this moment may be among them, and is new as well.
            return News(self._get_trials(study, None, fresh, max(fresh)), beats)
        return News(self._by_id(fresh) if fresh else [], beats)

    def _by_id(self, ids: Collection[int]) -> list[FrozenTrial]:
        trial = models.TrialModel
        parts = (
            *(trial.params, trial.values, trial.user_attributes),
            *(trial.system_attributes, trial.intermediate_values),
        )
        with _create_scoped_session(self.scoped_session) as session:
            query = session.query(trial).options(*map(selectinload, parts))
            rows = query.filter(trial.trial_id.in_(ids)).order_by(trial.trial_id).all()
            return [self._build_frozen_trial_from_trial_model(row) for row in rows]

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Any
    ) -> models.TrialModel:
        """Optuna's, which asks the database three things for each attribute and parameter.

        It is called in a transaction that holds the study, so that numbers are given in turn.
        """
        given = template_trial
        if given is None or given.intermediate_values:
            return super()._get_prepared_new_trial(study_id, given, session)
        trial = models.TrialModel(
            study_id=study_id,
            number=None,
            state=given.state,
            datetime_start=given.datetime_start,
            datetime_complete=given.datetime_complete,
        )
        session.add(trial)
        session.flush()
        owner = {'trial_id': trial.trial_id}
        kinds, repr_of = given.distributions, models.TrialValueModel.value_to_stored_repr
        values = [(i, *repr_of(value)) for i, value in enumerate(given.values or ())]
        for model, rows in (
            (models.TrialUserAttributeModel, _attributes(given.user_attrs)),
            (models.TrialSystemAttributeModel, _attributes(given.system_attrs)),
            (
                models.TrialParamModel,
                [
                    {
                        'param_name': name,
                        'param_value': kinds[name].to_internal_repr(value),
                        'distribution_json': distribution_to_json(kinds[name]),
                    }
                    for name, value in given.params.items()
                ],
            ),
            (
                models.TrialValueModel,
                [{'objective': i, 'value': value, 'value_type': kind} for i, value, kind in values],
            ),
        ):
            if rows:
                session.execute(sqlalchemy.insert(model), [{**owner, **row} for row in rows])
        last = session.execute(
            sqlalchemy.select(models.TrialModel.number)
            .where(models.TrialModel.study_id == study_id)
            .where(models.TrialModel.trial_id < trial.trial_id)
            .order_by(models.TrialModel.trial_id.desc())
            .limit(1)
        ).scalar()
        trial.number = 0 if last is None else last + 1
        session.add(trial)
        return trial


def _attributes(attrs: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{'key': key, 'value_json': json.dumps(value)} for key, value in attrs.items()]
