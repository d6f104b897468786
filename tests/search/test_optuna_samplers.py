"""Optuna's samplers by name: pure in the records, rejected draws, mistakes in one line."""

from __future__ import annotations

import random
from typing import Any

import optuna
import pytest

from scalenas.arch import Arch
from scalenas.complexity import Budget
from scalenas.search import Objectives, OptunaSearch, SearchPlan, run_search
from tests.errors import contains, raises

from .table import COST, OBJECTIVES, SPACE, open_study, score, search_in_memory

FAST = {
    'TPESampler': {'n_startup_trials': 6},
    'NSGAIISampler': {'population_size': 6},
    'NSGAIIISampler': {'population_size': 6},
    'RandomSampler': {},
}


def sampled(name: str = 'TPESampler', **changes: Any) -> OptunaSearch:
    """Batches of six, eighteen in all."""
    objectives = changes.pop('objectives', OBJECTIVES)
    genetic = 'population_size' in FAST.get(name, {})
    numbers = {'batch': None if genetic else 6, 'num_total': 18, 'options': FAST.get(name, {})}
    return OptunaSearch(SPACE, objectives, COST, sampler=name, **{**numbers, **changes})


@pytest.mark.parametrize('name', FAST)
def test_a_generation_is_a_function_of_the_records(name: str) -> None:
    records = search_in_memory(sampled(name))
    assert [r.generation for r in records] == [0] * 6 + [1] * 6 + [2] * 6
    assert len({record.arch for record in records}) == 18
    for index in (1, 2):
        before = [r for r in records if r.generation < index]
        newest = [r.arch for r in records if r.generation == index]
        assert sampled(name).generation(index, before, random.Random(f'0/{index}')) == newest
    other = search_in_memory(sampled(name), 1)
    assert [r.arch for r in other] != [r.arch for r in records]


def test_a_genetic_sampler_has_the_parents_that_it_would_have_had() -> None:
    """Of a study that it was asked itself, all generations, it chooses the same parents."""
    records = search_in_memory(sampled('NSGAIISampler'))
    search = sampled('NSGAIISampler')
    sampler = optuna.samplers.NSGAIISampler(population_size=6, seed=0)
    study = search._study(search._trials(records, sampler), sampler)
    own = optuna.create_study(directions=['maximize', 'minimize'], sampler=sampler)
    for trial in study.trials:
        own.add_trial(
            optuna.trial.create_trial(
                values=trial.values,
                params=trial.params,
                distributions=trial.distributions,
            )
        )
    for place, trial in enumerate(own.get_trials(deepcopy=False)):
        assert sampler.get_trial_generation(study, study.trials[place]) == place // 6
        assert trial.values == study.trials[place].values
    parents = sampler.get_parent_population(study, 3)
    assert len(parents) == 6
    front = {t.number for t in study.best_trials}
    assert front <= {p.number for p in parents} or len(front) > 6


def test_what_it_learns_shows() -> None:
    """Of one objective TPE finds better networks than the samples that it began with."""
    objectives = Objectives.from_dict(('mIoU',))
    search = sampled(objectives=objectives, num_total=60, options={'n_startup_trials': 12})
    values = [record.metrics['mIoU'] for record in search_in_memory(search)]
    assert sum(values[-12:]) / 12 > sum(values[:12]) / 12


def test_draws_beyond_the_budget_are_not_evaluated() -> None:
    least, most = (COST(arch)['macs'] for arch in (SPACE.smallest(), SPACE.largest()))
    limit = 0.5 * least + 0.5 * most
    records = search_in_memory(sampled(budget=Budget(macs=(None, limit))))
    assert len(records) == 18
    assert all(record.cost['macs'] <= limit for record in records)
    nearly = Budget(macs=(None, least))
    with raises(where='search.algorithm', hint=contains('max_tries')):
        search_in_memory(sampled(budget=nearly, max_tries=5))


def test_a_resume_ends_where_one_run_ends(tmp_path: Any) -> None:
    whole = search_in_memory(sampled())

    class Stop(BaseException):
        pass

    calls: list[Arch] = []

    def stopping(arch: Arch) -> dict[str, float]:
        if len(calls) == 9:
            raise Stop
        calls.append(arch)
        return score(arch)

    where = str(tmp_path / 'study.db')
    with pytest.raises(Stop):
        run_search(sampled(), open_study(where), stopping)
    records = run_search(sampled(), open_study(where), score)
    assert [record.arch for record in records] == [record.arch for record in whole]


def test_mistakes() -> None:
    for name in ('CmaEsSampler', 'QMCSampler', 'Best'):
        with raises(where='search.algorithm.sampler', got=name):
            sampled(name)
    with raises(
        where='search.algorithm.options', got='n_startup', hint=contains('n_startup_trials')
    ):
        sampled(options={'n_startup': 1})
    for name in ('seed', 'constraints_func'):  # it would do nothing
        with raises(where='search.algorithm.options', got=name):
            sampled(options={name: 1})
    for options in (3, [1], 'x'):
        with raises(where='search.algorithm.options', got=options):
            sampled(options=options)
    with raises(where='search.algorithm.options', problem=contains('population_size')):
        sampled('NSGAIISampler', options={'population_size': 1})
    with raises(where='search.algorithm.batch', got=5):
        sampled('NSGAIISampler', batch=5)
    with raises(where='search.algorithm.batch', got=0):
        sampled(batch=0)


@pytest.mark.parametrize(
    ('name', 'option', 'value'),
    [
        ('TPESampler', 'n_startup_trials', 'x'),
        ('TPESampler', 'gamma', 3),
        ('TPESampler', 'gamma', 'x'),
        ('TPESampler', 'weights', 3),
        ('TPESampler', 'n_ei_candidates', 0),
        ('TPESampler', 'n_ei_candidates', -1),
        ('TPESampler', 'n_ei_candidates', 1.5),
        ('TPESampler', 'prior_weight', -1),
        ('NSGAIISampler', 'population_size', 'x'),
        ('NSGAIISampler', 'crossover', 'x'),
        ('NSGAIISampler', 'mutation_prob', 'x'),
        ('NSGAIISampler', 'child_generation_strategy', 3),
        ('NSGAIIISampler', 'reference_points', 3),
        ('NSGAIIISampler', 'dividing_parameter', 'x'),
    ],
)
def test_a_value_that_fails_only_when_asked_is_seen_before(
    name: str, option: str, value: object
) -> None:
    options = {**FAST[name], option: value}
    with raises(where='search.algorithm.options', got=options, hint=contains(name)):
        sampled(name, options=options)


def test_what_is_seen_before_costs_little_of_a_late_start() -> None:
    search = sampled(options={'n_startup_trials': 10**9})
    assert len(search_in_memory(search)) == 18


def test_a_config_names_it() -> None:
    algorithm = {
        'type': 'optuna',
        'sampler': 'NSGAIIISampler',
        'options': {'population_size': 20},
    }
    plan = SearchPlan.from_dict({'algorithm': algorithm, 'objectives': ('mIoU', 'macs')})
    search = plan.build(SPACE, COST)
    assert search.settings() == {
        'type': 'optuna',
        'sampler': 'NSGAIIISampler',
        'batch': 20,
        'options': {'population_size': 20},
        'max_tries': 20,
    }
    assert isinstance(search.generation(0, [], random.Random(0))[0], type(SPACE.smallest()))
