"""Latency of scaled networks: the line, its file, and both ways to fit a net into milliseconds."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.arch import ClassificationHead, SegHead, named, rounding
from scalenas.complexity import Budget
from scalenas.scaling import (
    STRATEGIES,
    LatencyLine,
    LatencyModel,
    ScalingError,
    cost_of,
    fit,
    fit_line,
    fit_text,
    grow,
    pearson,
    scale,
)
from tests.errors import contains, raises

ALL = ': inference.all'
LINE = LatencyLine(slope=2.0, intercept=3.0, r=0.98, error=0.05, least=1.0, most=200.0, points=21)
NETS = {
    'efficientnet_b0': (None, ClassificationHead()),
    'regnetz_500mf': (None, ClassificationHead()),
    'scalenas_s1': ((128, 256), SegHead(19)),
}


def test_pearson_by_hand() -> None:
    """x deviations -1, 0, 1; y deviations -2, 1, 1: 3 / sqrt(2 * 6)."""
    assert pearson([1, 2, 3], [0, 3, 3]) == pytest.approx(3 / math.sqrt(12))
    assert pearson([1, 2, 3], [5, 3, 1]) == pytest.approx(-1)
    assert pearson([1, 2, 3], [4, 4, 4]) == 0.0
    with raises(ScalingError, where='correlation', got=1):
        pearson([1], [1])


@given(
    st.floats(0.01, 100), st.floats(-5, 50), st.lists(st.floats(1e6, 1e9), min_size=3, unique=True)
)
def test_a_line_is_found_again(slope: float, intercept: float, acts: list[float]) -> None:
    if max(acts) - min(acts) < 1e6:
        return
    ms = [100 + intercept + slope * a / 1e6 for a in acts]
    line = fit_line(acts, ms)
    assert line.slope == pytest.approx(slope, rel=1e-6)
    assert line.r == pytest.approx(1)
    assert line.error == pytest.approx(0, abs=1e-6)
    assert line.ms(acts[0]) == pytest.approx(ms[0])
    assert line.acts(line.ms(acts[0])) == pytest.approx(acts[0])
    assert (line.least, line.most) == (min(acts) / 1e6, max(acts) / 1e6)
    assert line.covers(acts[0])
    assert not line.covers(max(acts) * 1.01)


def test_a_line_is_the_least_squares_one_and_says_how_wrong_it_is() -> None:
    rng = random.Random(0)
    acts = [rng.uniform(1e6, 5e7) for _ in range(30)]
    ms = [2 + 0.5 * a / 1e6 + rng.uniform(-3, 3) for a in acts]
    line = fit_line(acts, ms)

    def squares(slope: float, intercept: float) -> float:
        return sum((intercept + slope * a / 1e6 - y) ** 2 for a, y in zip(acts, ms, strict=True))

    best = squares(line.slope, line.intercept)
    for da, db in ((1e-3, 0), (-1e-3, 0), (0, 1e-2), (0, -1e-2)):
        assert squares(line.slope + da, line.intercept + db) > best
    errors = sorted(abs(line.ms(a) - y) / y for a, y in zip(acts, ms, strict=True))
    assert line.error == pytest.approx((errors[14] + errors[15]) / 2)
    assert 0.9 < line.r < 1


@pytest.mark.parametrize(
    ('acts', 'ms', 'got', 'allowed'),
    [
        ([1e6, 1e6], [1, 2], 1, contains('two networks of different')),
        ([], [], 0, contains('two networks of different')),
        ([1e6, 2e6], [2, 1], -1.0, contains('a slope > 0')),
    ],
)
def test_no_line_where_there_is_none(acts: list, ms: list, got: object, allowed: object) -> None:
    with raises(ScalingError, where='latency line', got=got, allowed=allowed):
        fit_line(acts, ms)


def model(**lines: LatencyLine) -> LatencyModel:
    return LatencyModel('a CPU', 1, 4, 'torch 2', {'inference': {'all': LINE, **lines}})


def test_the_file_gives_the_model_back(tmp_path: Path) -> None:
    own = LatencyLine(1.5, -0.25, 0.995, 0.02, 2.0, 40.0, 9)
    path = tmp_path / 'latency.yaml'
    path.write_text(model(efficientnet_b0=own).dump())
    read = LatencyModel.from_file(path)
    assert read == model(efficientnet_b0=own)
    assert read.line('efficientnet_b0') == ('efficientnet_b0', own)
    assert read.line('scalenas_s1') == ('all', LINE)
    with raises(ScalingError, where='latency', got='training', names=('a CPU',)):
        read.line('scalenas_s1', 'training')


@pytest.mark.parametrize(
    ('old', 'new', 'where', 'fields'),
    [
        ('slope: 2.0', 'slope: 0', f'{ALL}.slope', {'got': 0, 'allowed': 'a number > 0'}),
        ('intercept: 3.0', 'intercept: .nan', f'{ALL}.intercept', {'got': math.isnan}),
        ('intercept: 3.0', 'intercept: three', f'{ALL}.intercept', {'got': 'three'}),
        ('least: 1.0', 'least: 300', f'{ALL}.least', {'got': 300, 'allowed': contains(200)}),
        ('points: 21', 'points: 1', f'{ALL}.points', {'got': 1, 'allowed': contains('>= 2')}),
        ('slope:', 'slop:', ALL, {'got': 'slop', 'hint': "did you mean 'slope'?"}),
        ('  all:', '  every:', ': inference', {'allowed': contains("'all'")}),
        ('batch: 4', 'batch: 0', ': batch', {'got': 0, 'allowed': 'a whole number >= 1'}),
        ('device:', 'devize:', '', {'got': 'devize', 'hint': "did you mean 'device'?"}),
        ('inference:', 'device:', '', {'got': 'device', 'problem': contains('twice')}),
        ('{', '[[', '', {'problem': contains('not YAML')}),
    ],
)
def test_a_broken_file_is_one_line(
    old: str, new: str, where: str, fields: dict, tmp_path: Path
) -> None:
    path = tmp_path / 'latency.yaml'
    text = model().dump()
    if old == '{':
        text += new
    else:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    with raises(where=f'{path}{where}', **fields):
        LatencyModel.from_file(path)


def test_no_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / 'none.yaml'
    with raises(where=path, problem='no such file', allowed='a latency model in YAML'):
        LatencyModel.from_file(path)


@pytest.mark.parametrize('net', NETS)
def test_by_a_line_the_largest_that_fits(net: str) -> None:
    arch, (size, head) = named(net), NETS[net]
    bound, rule = Budget(ms=(None, 60.0)), rounding('pycls')
    found = fit(arch, STRATEGIES['fast'], bound, rule, head, size, columns={'ms': LINE})
    ms = found.cost['ms']
    assert ms == LINE.ms(cost_of(found.scaled)['acts']) <= 60, 'heads were not timed'
    assert found.misses == {'ms': 1 - ms / 60}
    for more in (1.01, 1.1, 1.5):
        larger = scale(arch, STRATEGIES['fast'](found.factor * more), rounding('pycls'), size)
        assert LINE.ms(cost_of(larger)['acts']) > 60 or larger.arch == found.scaled.arch
    assert 'estimate, not measured' in fit_text(found, {'ms': LINE})


@pytest.mark.parametrize('net', NETS)
@pytest.mark.parametrize('most', [0.3, 1.0, 5.5])
def test_by_a_timer_the_largest_that_is_fast_enough(net: str, most: float) -> None:
    """A timer that grows with macs; `most` is in shares of the given network's time."""
    arch, (size, head) = named(net), NETS[net]
    asked = []

    def timer(arch: object, size: tuple[int, int]) -> float:
        asked.append((arch, size))
        cost = cost_of(scale(arch, STRATEGIES['depth'](1.0), rounding('nearest'), size), head)
        return cost['macs'] / 1e7

    base = timer(arch, size or arch.size)
    asked.clear()
    bound, columns = Budget(ms=(None, most * base)), {'ms': timer}
    strategy = STRATEGIES['compound']
    found = fit(arch, strategy, bound, rounding('nearest'), head, size, columns=columns)
    assert found.cost['ms'] == found.cost['macs'] / 1e7 <= most * base
    assert found.misses['ms'] == pytest.approx(1 - found.cost['ms'] / (most * base))
    assert found.misses['ms'] < 0.25
    assert len(asked) == len(set(asked)) <= 14, 'each network once, and not many'
    larger = scale(arch, strategy(found.factor * 1.02), rounding('nearest'), size)
    assert larger.arch == found.scaled.arch or timer(larger.arch, larger.size) > most * base
    assert '\nmeasured: ' in fit_text(found, columns)


def test_a_timer_within_other_bounds() -> None:
    """What the counted bounds exclude is never timed."""
    arch, asked = named('efficientnet_b0'), []

    def timer(arch: object, size: object) -> float:
        asked.append(arch)
        return 1.0

    budget, rule = Budget(params=(None, 2 * 5.3e6)), rounding('pycls')
    both = budget | Budget(ms=(None, 2.0))
    found = fit(arch, STRATEGIES['width'], both, rule, columns={'ms': timer})
    alone = fit(arch, STRATEGIES['width'], budget, rule)
    assert found.scaled == alone.scaled
    assert found.misses == {'params': alone.misses['params'], 'ms': 0.5}
    assert all(budget.allows(cost_of(scale(a, STRATEGIES['depth'](1), rule))) for a in asked[:1])
    assert found.scaled.arch in asked


def test_line_and_budget_together() -> None:
    arch, rule = named('efficientnet_b0'), rounding('pycls')
    tight = fit(arch, STRATEGIES['fast'], Budget(macs=(None, 1e9)), rule)
    bounds = Budget(macs=(None, 1e9), ms=(None, 500.0))
    both = fit(arch, STRATEGIES['fast'], bounds, rule, columns={'ms': LINE})
    assert both.scaled == tight.scaled
    assert set(both.misses) == {'macs', 'ms'}


@pytest.mark.parametrize(
    ('most', 'got'),
    [(0.0, '-1.5 M acts'), (2.0, '-0.5 M acts'), (600.0, lambda got: float(got.split()[0]) > 200)],
)
def test_a_line_is_not_stretched(most: float, got: object) -> None:
    measured = contains('1 to 200 M acts')
    with raises(
        ScalingError, where='latency line', got=got, allowed=measured, names=(f'ms <= {most:g}',)
    ):
        fit(
            named('efficientnet_b0'),
            STRATEGIES['fast'],
            Budget(ms=(None, most)),
            rounding('pycls'),
            columns={'ms': LINE},
        )


@pytest.mark.parametrize(
    ('ms', 'reason'), [(9.0, ('no factor', '1/1024')), (1.0, ('even factor', 1024))]
)
def test_a_timer_that_no_network_moves(ms: float, reason: tuple) -> None:
    with raises(ScalingError, where='budget', got='ms <= 5', problem=contains(*reason)):
        fit(
            named('regnetz_500mf'),
            STRATEGIES['depth'],
            Budget(ms=(None, 5.0)),
            rounding('pycls'),
            columns={'ms': lambda *_: ms},
        )


@pytest.mark.longer
def test_several_measured_columns_together() -> None:
    """A line bisects exactly, two timers decide by the tighter one; a bound below is looked at."""
    arch, rule = named('efficientnet_b0'), rounding('pycls')
    columns = {
        'ms': LINE,
        'joules': lambda arch, _: float(arch.num_blocks),
        'kilobytes': lambda arch, size: size[0] / 2.0,
    }
    bounds = Budget(ms=(None, 500.0), joules=(None, 40.0), kilobytes=(None, 300.0))
    found = fit(arch, STRATEGIES['depth'], bounds, rule, columns=columns)
    assert found.cost['joules'] == found.scaled.arch.num_blocks <= 40
    assert set(found.misses) == set(bounds) == set(found.cost) - set(cost_of(found.scaled))
    for below in (Budget(kilobytes=(113.0, None)), Budget(joules=(1e6, None))):
        got = f'ms <= 99, {below}'
        with raises(ScalingError, where='budget', got=got, problem=contains('the largest')):
            fit(arch, STRATEGIES['depth'], Budget(ms=(None, 99.0)) | below, rule, columns=columns)
    with raises(where='budget', got='hours'):
        fit(arch, STRATEGIES['depth'], Budget(hours=(None, 1.0)), rule, columns=columns)


def test_grow_takes_a_latency_for_a_budget() -> None:
    arch = named('regnetz_500mf')
    bound = Budget(ms=(None, 60.0))
    grown, found = grow(arch, 'fast', budget=bound, columns={'ms': LINE})
    assert found is not None
    assert grown is found.scaled
    with raises(ScalingError, where='strategy', hint=contains('either a factor or a budget')):
        grow(arch, 'fast', 2.0, bound, columns={'ms': LINE})
