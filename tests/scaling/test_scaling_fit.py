"""Budget fit: nothing larger fits, whatever the family; and the curves over scaling stages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares

from scalenas.arch import ClassificationHead, Scaling, SegHead, from_file, named, rounding
from scalenas.complexity import Budget
from scalenas.scaling import (
    FORMS,
    PRINTED,
    SCALENET_TABLE,
    STEEPEST,
    STRATEGIES,
    ScalingError,
    cost_of,
    fit,
    fit_growth,
    grow,
    parse_strategy,
    scale,
)
from scalenas.scaling.fit import _counted
from tests.errors import contains, raises

ROOT = Path(__file__).resolve().parents[2]
STAGES = {j: SCALENET_TABLE[f's{j}'] for j in (1, 2, 3)}


@pytest.mark.parametrize('rule', ['nearest', 'ceil', 'pycls', 'efficientnet'])
@pytest.mark.parametrize('strategy', ['depth', 'width', 'compound', 'fast'])
@pytest.mark.parametrize('net', ['efficientnet_b0', 'regnety_4.0gf', 'scalenas_s1'])
@pytest.mark.longer
def test_the_fit_is_the_largest_that_fits(net: str, strategy: str, rule: str) -> None:
    arch, size = named(net), (128, 256) if net == 'scalenas_s1' else None
    head = SegHead(19) if net == 'scalenas_s1' else ClassificationHead()
    base = cost_of(scale(arch, STRATEGIES['depth'](1.0), rounding('nearest'), size), head)
    bound = 3.1 * base['macs']
    found = fit(arch, STRATEGIES[strategy], Budget(macs=(None, bound)), rounding(rule), head, size)
    assert found.cost == cost_of(found.scaled, head)
    assert found.cost['macs'] <= bound
    assert found.misses == {'macs': 1 - found.cost['macs'] / bound}
    for more in (1.001, 1.01, 1.03, 1.08, 1.2, 1.5, 2.0):
        larger = STRATEGIES[strategy](found.factor * more)
        cost = cost_of(scale(arch, larger, rounding(rule), size), head)
        assert cost['macs'] > bound or cost == found.cost


@pytest.mark.parametrize(
    ('islands', 'expected'),
    [
        ([], 1.0),
        ([(1.05, 1.06)], 1.06),
        ([(1.03, 1.04), (1.07, 1.075), (1.10, 1.12)], 1.12),
        ([(1.01, 1.15)], 1.15),
        ([(1.2, 1.3)], 1.0),  # further away than factors are tried
    ],
)
def test_factors_that_fit_again_further_up_are_found(
    islands: list[tuple[float, float]], expected: float
) -> None:
    """Rounding makes a larger factor cheaper now and then; bisection stops at the first edge."""

    def fits(factor: float) -> bool:
        return factor <= 1.0 or any(low <= factor <= high for low, high in islands)

    found = _counted(fits, 1.9, '', None)  # type: ignore[arg-type]
    assert fits(found)
    # Within a step of what there is: 64 of them to 15 %.
    assert expected / 1.15 ** (1.001 / 64) <= found <= expected


def test_every_bound_holds() -> None:
    budget = Budget(macs=(None, 2e9), params=(None, 8e6), acts=(None, 30e6))
    found = fit(named('efficientnet_b0'), STRATEGIES['fast'], budget, rounding('pycls'))
    assert budget.allows(found.cost)
    assert set(found.misses) == {'macs', 'params', 'acts'}


def test_regnetz_to_4gf_is_the_paper_s() -> None:
    """Fast scaling of RegNetZ-500MF into 4 GF: table 8 prints 4.0 G, 41.1 M, 19.4 M."""
    head = ClassificationHead()
    arch, found = grow(named('regnetz_500mf'), 'fast', budget=Budget(macs=(None, 4e9)), head=head)
    assert found is not None
    assert arch is found.scaled
    assert found.factor == pytest.approx(8, rel=0.01)
    assert found.cost['params'] / 1e6 == pytest.approx(41.1, rel=0.005)
    assert (
        arch.arch
        == scale(named('regnetz_500mf'), parse_strategy('d1_w8_g8_r1')(8), rounding('pycls')).arch
    )


def test_twice_the_macs_of_an_hrnet_style_network() -> None:
    """Widths of 32 in steps of 8 would stay 32: x1.58. To the nearest, they grow to 36."""
    s1, head, size = named('scalenas_s1'), SegHead(19), (1024, 2048)
    base = cost_of(scale(s1, STRATEGIES['depth'](1.0), rounding('nearest'), size), head)
    twice, _ = grow(s1, 'compound', 2, head=head, size=size)
    assert twice.rounding == rounding('nearest')
    assert cost_of(twice, head)['macs'] / base['macs'] == pytest.approx(2, rel=0.05)
    stepped, _ = grow(s1, 'compound', 2, rule=rounding('pycls'), head=head, size=size)
    assert cost_of(stepped, head)['macs'] / base['macs'] == pytest.approx(1.58, abs=0.01)
    _, found = grow(
        s1, 'compound', budget=Budget(macs=(None, 2 * base['macs'])), head=head, size=size
    )
    assert found is not None
    assert 0 <= found.misses['macs'] < 0.01


@pytest.mark.parametrize(
    ('strategy', 'budget', 'reason'),
    [
        ('fast', Budget(params=(None, 1)), ('no factor', 'fast', '1/1024')),
        ('resolution', Budget(params=(None, 1e9)), ('even', 'resolution', 'does not grow')),
        ('fast', Budget(macs=(None, 1e9), params=(1e9, None)), ('largest', 'costs', 'macs')),
    ],
)
def test_a_budget_that_cannot_be_met_dies(
    strategy: str, budget: Budget, reason: tuple[str, ...]
) -> None:
    with raises(ScalingError, where='budget', got=str(budget), problem=contains(*reason)):
        fit(named('efficientnet_b0'), STRATEGIES[strategy], budget, rounding('pycls'))


@pytest.mark.parametrize('budget', [Budget(), Budget(macs=(1e9, None))])
def test_growth_needs_an_upper_bound(budget: Budget) -> None:
    with raises(ScalingError, where='budget', allowed=('macs', 'params', 'acts')):
        fit(named('efficientnet_b0'), STRATEGIES['fast'], budget, rounding('pycls'))


EITHER = contains('either a factor or a budget')


@pytest.mark.parametrize(
    ('net', 'options', 'fields'),
    [
        ('efficientnet_b0', {}, {'where': 'strategy', 'got': 'fast', 'hint': EITHER}),
        (
            'efficientnet_b0',
            {'factor': 2, 'budget': Budget(macs=(None, 1))},
            {'where': 'strategy', 'got': 'fast', 'hint': EITHER},
        ),
        (
            'efficientnet_b0',
            {'strategy': 'scalenet:s1', 'factor': 2},
            {'where': 'strategy', 'got': 'scalenet:s1', 'hint': contains('neither')},
        ),
        ('efficientnet_b0', {'strategy': 3, 'factor': 2}, {'where': 'strategy', 'got': 3}),
        (
            'efficientnet_b0',
            {'factor': 2, 'size': (5, 5)},
            {'where': 'size', 'got': (5, 5), 'allowed': contains('224 x 224')},
        ),
        (
            'scalenas_s1',
            {'factor': 2, 'size': (0, 5)},
            {'where': 'size', 'got': (0, 5), 'allowed': contains('two numbers >= 1')},
        ),
        (
            'scalenas_s1',
            {'budget': Budget(macs=(None, 1))},
            {'where': 'size', 'hint': 'give one', 'names': ('hrnet',)},
        ),
    ],
)
def test_a_wrong_question_dies_with_one_line(net: str, options: dict, fields: dict) -> None:
    with raises(**fields):
        grow(named(net), **{'strategy': 'fast', **options})


def test_least_squares_is_not_what_the_paper_prints() -> None:
    """The solution of equation (27), and the factors of table 8 for stages 4 and 5."""
    growth = fit_growth(STAGES)
    expected = {4: (1.720, 1.809, 1.882), 5: (1.980, 2.556, 2.257)}
    for j, (d, w, r) in expected.items():
        by = growth(j)
        assert (by.depth, by.width, by.resolution) == pytest.approx((d, w, r), abs=6e-4)
        printed, table = PRINTED(j), SCALENET_TABLE[f's{j}']
        for name in ('depth', 'width', 'resolution'):
            assert getattr(printed, name) == pytest.approx(getattr(table, name), abs=6e-4)
    assert PRINTED.label != growth.label


@pytest.mark.parametrize('form', FORMS)
def test_each_curve_starts_at_one_and_is_a_minimum(form: str) -> None:
    growth = fit_growth(STAGES, form)
    assert growth(0).depth == growth(0).width == growth(0).resolution == 1.0
    function = FORMS[form].function
    for name in ('depth', 'width', 'resolution'):
        a = list(getattr(growth, name))
        assert a[0] > 0

        def error(b: list[float], name: str = name) -> float:
            return sum((function(j, b) - getattr(s, name)) ** 2 for j, s in STAGES.items())

        for i in range(len(a)):
            for step in (0.99, 0.999, 1.001, 1.01):
                assert error(a) <= error([c * step if k == i else c for k, c in enumerate(a)])


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.longer
def test_the_fit_is_that_of_a_search_over_all_coefficients(form: str) -> None:
    """Against scipy's own least squares, within the same bounds, from many starts."""
    rng = np.random.default_rng(0)
    size, function = FORMS[form].size, FORMS[form].function
    low = {'exponential': (0.0, 1.0 + 1e-6), 'linear': (0.0,), 'squared': (0.0, -np.inf)}[form]
    high = (np.inf, STEEPEST) if form == 'exponential' else (np.inf,) * size
    for _ in range(5):
        y = 1.0 + np.cumsum(rng.uniform(0.01, 0.3, 3))
        growth = fit_growth({j: Scaling(depth=v) for j, v in enumerate(y.tolist(), 1)}, form)

        def off(a: Sequence[float], y: Any = y) -> list[float]:
            return [function(j, a) - v for j, v in enumerate(y, 1)]

        ends = [
            least_squares(off, np.array((a0, a1)[:size]), bounds=(low, high)).cost
            for a0 in (0.1, 1.0)
            for a1 in (1.1, 1.5, 1.9)
        ]
        assert sum(v * v for v in off(growth.depth)) / 2 <= min(ends) + 1e-9


@pytest.mark.parametrize(
    ('factors', 'third'),
    [
        ((1.0, 1.4), 1.84),  # as steep as may be: 0.12 (2^j - 1) + 1; without a bound 8001
        ((1.2, 1.2), 1.36),  # as straight as may be: 0.12 j + 1
        ((1.2, 1.44), 1.728),
        ((1.0, 1.0), 1.0),
    ],
)
def test_two_stages_that_no_exponential_meets(factors: tuple[float, ...], third: float) -> None:
    growth = fit_growth({j: Scaling(width=w) for j, w in enumerate(factors, 1)})
    assert growth(3).width == pytest.approx(third, abs=1e-5)


@pytest.mark.parametrize('form', FORMS)
def test_a_dimension_that_never_grew_stays(form: str) -> None:
    """Also after rounding up, which makes 81 channels of 80.00001."""
    growth = fit_growth({j: Scaling(depth=1.0 + 0.2 * j) for j in (1, 2, 3)}, form)
    base = named('efficientnet_b0')
    grown = base.scaled(growth(6), rounding('ceil'))
    assert grown.size == base.size
    assert [s.width for s in grown.stages] == [s.width for s in base.stages]
    assert len(grown.stages[1].blocks) > len(base.stages[1].blocks)


def test_growth_refuses_what_it_cannot_fit() -> None:
    forms = ('exponential', 'linear', 'squared')
    with raises(ScalingError, where='form', got='cubic', allowed=forms):
        fit_growth(STAGES, 'cubic')
    with raises(ScalingError, where='stages', got=[1], allowed=contains('at least 2')):
        fit_growth({1: SCALENET_TABLE['s1']})
    with raises(ScalingError, where='stages', got=[0, 1], allowed=contains('from 1')):
        fit_growth({0: SCALENET_TABLE['s0'], 1: SCALENET_TABLE['s1']})


@pytest.mark.longer
def test_the_tool_writes_an_arch_once(tmp_path: Path) -> None:
    out = tmp_path / 'big.yaml'

    def run(*args: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(ROOT / 'tools' / 'scale.py'), *args, '--out', str(out)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={'PYTHONPATH': str(ROOT)},
        )

    first = run('regnetz_500mf', 'fast', '--max-macs', '4e9')
    assert first.returncode == 0, first.stderr
    assert '41.040' in first.stdout
    assert from_file(out).size == (248, 248)
    second = run('regnetz_500mf', 'fast', '--factor', '2')
    assert second.returncode == 2
    assert len(second.stderr.splitlines()) == 1
    assert 'big.yaml: exists already' in second.stderr
    assert from_file(out).size == (248, 248)
    assert run('regnetz_500mf', 'depth', '--factor', '2', '--force').returncode == 0
    assert from_file(out).size == named('regnetz_500mf').size
