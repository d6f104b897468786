"""Every key of every algorithm: a wrong value is refused when the search is made, by its name."""

from __future__ import annotations

from typing import Any

import pytest

from scalenas.errors import UserError
from scalenas.search import SearchPlan
from scalenas.search.plan import ALGORITHMS, _parameters
from tests.errors import check_line, raises

from . import scaled
from .table import COST, GRID, SPACE

pytest.importorskip('sklearn')

MOST = COST(SPACE.largest())['macs']
GIVEN: dict[str, dict[str, Any]] = {
    'topology_evolution': {'num_initial': 6, 'num_parents': 4, 'num_total': 12},
    'nsga2': {'population': 4, 'num_total': 12},
    'random': {'num_total': 6},
    'coarse_to_fine': {'grid': GRID, 'budgets': [MOST], 'num_total': 20},
    'predictor': {'num_initial': 6, 'batch': 3, 'num_total': 12},
    'optuna': {'sampler': 'RandomSampler', 'num_total': 12},
    'mcea': {'base_macs': 0.2e6, 'num_stages': 2, 'num_bases': 2, 'population': 4},
}
NEVER = ('x', '', [[]], {'x': 1}, True, float('nan'), -2, 1.5j)
"""What no key can be; what a key can be, such as None, is known to its own tests."""


def build(name: str, **arguments: Any) -> object:
    metric = 'accuracy' if name == 'mcea' else 'mIoU'
    algorithm = {'type': name, **GIVEN[name], **arguments}
    plan = SearchPlan.from_dict({'algorithm': algorithm, 'objectives': (metric, 'macs')})
    space, cost = (scaled.SPACE, scaled.COST) if name == 'mcea' else (SPACE, COST)
    return plan.build(space, cost)


def test_all_algorithms_are_asked() -> None:
    assert GIVEN.keys() == ALGORITHMS.keys()


@pytest.mark.parametrize(('name', 'key'), [(n, k) for n in GIVEN for k in _parameters(n)])
def test_a_wrong_value_is_refused_by_its_name(name: str, key: str) -> None:
    build(name)
    for value in NEVER:
        with pytest.raises(UserError) as caught:
            build(name, **{key: value})
        check_line(caught.value, key)


@pytest.mark.parametrize(
    ('name', 'key'),
    [('topology_evolution', 'num_initial'), ('predictor', 'num_initial'), ('nsga2', 'population')],
)
def test_a_first_generation_is_at_most_all(name: str, key: str) -> None:
    with raises(where=f'search.algorithm.{key}', got=13, allowed='at most num_total, 12'):
        build(name, **{key: 13})


def test_another_algorithm_keeps_what_means_the_same() -> None:
    """Not the first sample of an evolution, and no rate of another unit."""
    algorithm = {'type': 'topology_evolution', 'num_total': 2000, 'num_initial': 1000}
    algorithm |= {'initial': 'uniform', 'p_crossover': 0.25, 'p_mutation': 0.5, 'max_tries': 7}
    plan = SearchPlan.from_dict({'algorithm': algorithm, 'objectives': ('mIoU', 'macs')})
    kept = {'num_total': 200}
    assert plan.with_('nsga2', 200).arguments == plan.with_('random', 200).arguments == kept
    assert plan.with_('predictor', 200).arguments == {**kept, 'initial': 'uniform'}
    assert plan.with_('predictor', 200).build(SPACE, COST).settings()['num_initial'] == 30
    assert plan.with_('topology_evolution').arguments == plan.with_().arguments == plan.arguments
