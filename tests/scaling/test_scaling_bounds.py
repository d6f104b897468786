"""No strategy, factor, file or bound takes for ever or ends in anything but a line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from scalenas.arch import ArchError, Scaling, named
from scalenas.arch.strict import MOST_BLOCKS
from scalenas.complexity import Budget
from scalenas.errors import UserError
from scalenas.scaling import (
    ScalingError,
    SearchedScalings,
    Strategy,
    fast,
    fit_growth,
    grow,
    parse_strategy,
    table_entry,
)
from scalenas.search.coarse_to_fine import MOST_NETS, grid_archs
from scalenas.search.record import SearchError
from scalenas.search.scaled_series import num_search_stages
from scalenas.space import HRSpace, ScaledSpace, ScalingStage
from tests.errors import check_line, contains, raises

B0 = named('efficientnet_b0')
SPACE = HRSpace(8, (1, 1), (1, 2, 3))


@pytest.mark.parametrize('what', ['depth', 'width', 'resolution', 'compound'])
@pytest.mark.parametrize('factor', [1e12, 1e18, 1e300, float('inf'), 10**400])
def test_growth_without_end(what: str, factor: float) -> None:
    start = time.perf_counter()
    with pytest.raises(UserError) as error:
        grow(B0, what, factor)
    assert time.perf_counter() - start < 3
    check_line(error.value)


@pytest.mark.slow
def test_a_budget_beyond_every_network_is_said_to_be_one() -> None:
    """Not a fit that is 99 % below its bound."""
    with raises(ScalingError, where='budget', got='macs <= 1e+15', problem=contains('largest')):
        grow(named('efficientnet_b7'), 'depth', None, Budget(macs=(None, 1e15)))
    deep = grow(B0, 'depth', 1000.0)[0].arch
    assert deep.num_blocks < MOST_BLOCKS
    _, found = grow(B0, 'depth', None, Budget(macs=(None, 100e9)))
    assert found is not None
    assert 0 <= found.misses['macs'] < 0.02


@pytest.mark.parametrize(
    'ask',
    [
        lambda: fast(True),
        lambda: fast('x'),
        lambda: Strategy('x', '1'),
        lambda: Strategy('x', True),
        lambda: Strategy('x', 1e300),
        lambda: Strategy('x', 5e-324),
        lambda: parse_strategy('fast')('2'),
        lambda: parse_strategy('d' + '9' * 400),
        lambda: parse_strategy('x' * 10**6),
        lambda: Budget(ms=(None, '5')),
        lambda: Budget(ms=(None, True)),
        lambda: Budget(ms=(None, 10**400)),
        lambda: grow(B0, None, 2),
        lambda: grow(B0, 'fast', 2, size=5),
        lambda: fit_growth({1: Scaling(), 2: Scaling()}, []),
        lambda: table_entry('\0.yaml:s1'),
    ],
)
def test_arguments_that_are_none(ask: Any) -> None:
    with pytest.raises(UserError) as error:
        ask()
    check_line(error.value)


def test_a_stage_without_finite_factors(tmp_path: Path) -> None:
    path = tmp_path / 'scalings.yaml'
    path.write_text('stages: {1: {depth: 1.1, width: 1.1}, 2: {depth: 1.9, width: 1.3}}\n')
    assert SearchedScalings.from_file(path)(3).depth > 1.9
    for stage in ('s9999', 's2000', 's' + '9' * 5000, 's٣'):
        with pytest.raises(UserError) as error:
            table_entry(f'{path}:{stage}')
        check_line(error.value)


@pytest.mark.parametrize(
    'grid',
    [
        [{'genes': ['*'], 'levels': 10**12}],
        [{'genes': [name], 'levels': 2} for name in SPACE.genes],
        [{'settings': [{'*.depth': True}]}],
        [{'settings': [{'*.f*': 1}]}],
        [{'genes': [5], 'levels': 2}],
    ],
)
def test_a_grid_without_end(grid: Any) -> None:
    start = time.perf_counter()
    with pytest.raises(UserError):
        grid_archs(SPACE, grid)
    assert time.perf_counter() - start < 2
    assert 2 ** len(SPACE.genes) > MOST_NETS


def test_a_grid_over_a_scaled_space_takes_the_documented_patterns() -> None:
    scaled = ScaledSpace(SPACE, [ScalingStage(), ScalingStage((1.5, 2.0))])
    dimensions = [
        {'genes': ['*.depth'], 'levels': 3},
        {'genes': ['*.f*'], 'levels': 2},
        {'genes': ['scale.*'], 'levels': 2},
    ]
    found = grid_archs(scaled, dimensions)
    assert {arch.num_blocks for arch in found} >= {
        SPACE.smallest().num_blocks,
        scaled.largest().num_blocks,
    }
    with raises(where='search.algorithm.grid[0].pattern', got='*.kernel'):
        grid_archs(scaled, [{'genes': ['*.kernel'], 'levels': 2}])


def test_a_number_of_stages_without_end() -> None:
    space = ScaledSpace(SPACE, [ScalingStage(), ScalingStage((1.5,))])
    start = time.perf_counter()
    for bad in (2**62, 10**400, True):
        with pytest.raises((SearchError, ArchError)):
            num_search_stages(space, bad)
    assert time.perf_counter() - start < 2
