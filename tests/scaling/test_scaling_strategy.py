"""Strategies: the laws of the paper on ideal stages, on counted nets, and texts that name them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.arch import MBConvArch, RegNetArch, RegStage, Scaling, named, rounding
from scalenas.arch.rounding import NEAREST
from scalenas.complexity import count
from scalenas.scaling import (
    EFFICIENTNET_TABLE,
    SCALENET_TABLE,
    STRATEGIES,
    ScalingError,
    compound_efficientnet,
    fast,
    parse_strategy,
    scale,
    table_entry,
)
from tests.errors import contains, raises

factor = st.floats(0.05, 100)
alphas = st.floats(0, 1)


def ideal(d: float, w: float, r: float) -> tuple[float, float, float]:
    """macs, params and acts of a stage: equation (2)."""
    return d * w**2 * r**2, d * w**2, d * w * r**2


@given(factor, alphas, st.tuples(*[st.floats(0.5, 500)] * 3))
def test_the_laws_of_table_4_hold_on_ideal_stages(s, alpha, stage) -> None:
    d, w, r = stage
    by = fast(alpha)(s)
    before = ideal(d, w, r)
    after = ideal(d * by.depth, w * by.width, r * by.resolution)
    growth = (s, s ** ((1 + alpha) / 2), s ** ((2 - alpha) / 2))
    assert after == pytest.approx([b * g for b, g in zip(before, growth, strict=True)], rel=1e-9)
    assert by.group == pytest.approx(by.width)


@given(factor)
def test_the_laws_of_table_1_hold(s: float) -> None:
    for name, growth in {
        'depth': (s, s, s),
        'width': (s, s, math.sqrt(s)),
        'resolution': (s, 1, s),
        'compound': (s, s ** (2 / 3), s ** (5 / 6)),
    }.items():
        by = STRATEGIES[name](s)
        assert ideal(by.depth, by.width, by.resolution) == pytest.approx(growth, rel=1e-9)


@pytest.mark.parametrize('alpha', [0.0, 1 / 3, 0.8, 1.0])
def test_a_real_stage_comes_close_to_the_laws(alpha: float) -> None:
    """A stage large enough that rounding is small: grouped convolutions, counted layer by layer."""
    base = RegNetArch((RegStage(512, 64, 64, 1, 1), RegStage(512, 64, 64, 1, 1)), resolution=512)
    grown = base.scaled(fast(alpha)(4.0), NEAREST)

    def body(arch: RegNetArch) -> tuple[int, int, int]:
        plan = [la for la in arch.layers() if la.name.startswith('s2.')]
        cost = count(plan)
        return cost['macs'], cost['params'], cost['acts']

    ratios = [b / a for a, b in zip(body(base), body(grown), strict=True)]
    assert ratios == pytest.approx([4, 4 ** ((1 + alpha) / 2), 4 ** ((2 - alpha) / 2)], rel=0.05)


@given(factor)
def test_names_for_the_same_strategy_agree(s: float) -> None:
    def close(a: Scaling, b: Scaling) -> None:
        for name in ('depth', 'width', 'resolution', 'group'):
            assert getattr(a, name) == pytest.approx(getattr(b, name), rel=1e-12)

    close(parse_strategy('d1_w8_g8_r1')(s), STRATEGIES['fast'](s))
    close(parse_strategy('alpha=0.8')(s), STRATEGIES['fast'](s))
    close(fast(1)(s), parse_strategy('w1_g1')(s))
    close(parse_strategy('dwgr')(s), STRATEGIES['compound'](s))
    close(parse_strategy('d1_w2')(s), parse_strategy('w2_d1_g0_r0')(s))
    assert parse_strategy('dwr')(s).group == 1.0


@pytest.mark.parametrize(
    'text', ['', 'fsat', 'd', 'x', 'd1_w', 'd1_d2', 'd1__w2', 'alpha=x', 'alpha=2', 'g', 'g1']
)
def test_other_texts_die_with_one_line(text: str) -> None:
    if text == 'd':
        assert parse_strategy(text)(2.0) == STRATEGIES['depth'](2.0)
        return
    # Shares that grow nothing are told as numbers, anything else as it was written.
    shares = (0.0, 0.0, 0.0, 1.0)
    with raises(ScalingError, names=('strategy',), got=shares if text in ('g', 'g1') else text):
        parse_strategy(text)


@pytest.mark.parametrize('s', [0, -1, math.inf, math.nan, True])
def test_a_factor_is_a_positive_number(s: float) -> None:
    with raises(ScalingError, where='factor', got=lambda got: got is s, allowed='a number > 0'):
        STRATEGIES['fast'](s)


def test_published_tables_make_the_published_nets() -> None:
    for table, base in ((EFFICIENTNET_TABLE, 'efficientnet'), (SCALENET_TABLE, 'scalenet')):
        first = named(f'{base}_{next(iter(table))}')
        for name in table:
            assert scale(first, *table_entry(f'{base}:{name}')).arch == named(f'{base}_{name}')
    with raises(ScalingError, where='table entry', got='scalenet:s6', hint=contains('scalenet:s')):
        table_entry('scalenet:s6')
    by = compound_efficientnet(1)
    assert by.depth * by.width**2 * by.resolution**2 == pytest.approx(2, rel=0.05)


def test_what_rounding_did_is_reported() -> None:
    found = scale(named('efficientnet_b0'), Scaling(1.3, 1.1, 1.1), rounding('pycls'))
    assert isinstance(found.arch, MBConvArch)
    assert found.asked == Scaling(1.3, 1.1, 1.1)
    assert found.reached.depth == found.arch.num_blocks / 16
    assert found.reached.resolution == found.arch.resolution / 224
    assert found.size == (found.arch.resolution,) * 2
    net = scale(named('scalenas_s1'), Scaling(resolution=1.5), NEAREST, (512, 1024))
    assert net.size == (768, 1536)
    assert net.arch == named('scalenas_s1')
    assert scale(named('scalenas_s1'), Scaling(), NEAREST).size is None
