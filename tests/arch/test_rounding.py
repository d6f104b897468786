"""Rounding rules against their sources, and what scaling does to each family."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.arch import HRArch, Scaling, named, rounding, stock_hrnet
from scalenas.arch.rounding import divisible, pycls_group, upward
from tests.strategies import hr_archs

positive = st.floats(0.01, 5000)


@given(positive)
def test_the_mobilenet_rule_is_that_of_mmpretrain(x: float) -> None:
    utils = pytest.importorskip('mmpretrain.models.utils')
    assert divisible(x) == utils.make_divisible(x, 8)


@given(st.integers(1, 500), st.integers(1, 400))
def test_ceil_of_a_decimal_factor_is_that_of_exact_numbers(n: int, hundredths: int) -> None:
    assert upward(n * (hundredths / 100)) == -(-n * hundredths // 100)


def test_pycls_group_widths() -> None:
    assert [pycls_group(g) for g in (0.4, 1, 2, 2.4, 3, 5, 6, 11, 13, 20)] == [
        *(1, 1, 2, 2, 4, 4, 8, 8, 16, 16)
    ]


@pytest.mark.parametrize(
    ('name', 'stem', 'head', 'depths', 'widths', 'side'),
    [
        ('ceil', 36, 1280, [2, 3, 3, 4, 4, 6, 2], [18, 27, 45, 89, 124, 212, 353], 247),
        ('pycls', 32, 1408, [1, 3, 3, 4, 4, 5, 1], [16, 24, 48, 88, 120, 208, 352], 248),
        ('efficientnet', 32, 1408, [2, 3, 3, 4, 4, 6, 2], [16, 24, 48, 88, 120, 208, 352], 247),
    ],
)
def test_b0_under_each_rule(name, stem, head, depths, widths, side) -> None:
    """Depth x1.3, width x1.103, resolution x1.102."""
    grown = named('efficientnet_b0').scaled(Scaling(1.3, 1.103, 1.102), rounding(name))
    assert (grown.stem, grown.conv_out, grown.resolution) == (stem, head, side)
    assert [len(s.blocks) for s in grown.stages] == depths
    assert [s.width for s in grown.stages] == widths


def test_new_blocks_copy_the_last_one() -> None:
    grown = named('scalenet_s0').scaled(Scaling(depth=1.5), rounding('ceil'))
    assert [b.kernel for b in grown.stages[2].blocks] == [7, 7, 5, 3, 3, 3]


def test_stock_hrnet_stays_stock() -> None:
    grown = stock_hrnet(32).scaled(Scaling(depth=1.5, width=1.5), rounding('nearest'))
    assert grown == stock_hrnet(48, depth=6, stage1_blocks=6)


def test_the_single_output_rule_is_kept() -> None:
    module = named('scalenas_p1').scaled(Scaling(depth=1.7), rounding('ceil')).modules[-1]
    assert module.fusions[module.depths[0] - 1][0] == (1, 2, 3)
    assert not any(module.fusions[d - 1][i] for i, d in enumerate(module.depths) if i)


@given(hr_archs(), st.floats(1, 4))
def test_growing_keeps_every_fusion(arch: HRArch, depth: float) -> None:
    grown = arch.scaled(Scaling(depth=depth), rounding('nearest'))
    assert grown.num_fusions == arch.num_fusions
    for old, new in zip(arch.modules, grown.modules, strict=True):
        for i, (d, e) in enumerate(zip(old.depths, new.depths, strict=True)):
            assert new.fusions[e - 1][i] == old.fusions[d - 1][i]


@given(hr_archs(), st.floats(0.2, 5))
def test_branches_that_double_still_double(arch: HRArch, width: float) -> None:
    for rule in ('ceil', 'pycls', 'nearest'):
        channels = stock_hrnet(18).scaled(Scaling(width=width), rounding(rule)).stages[-1].channels
        assert channels == tuple(channels[0] * 2**i for i in range(4))
    assert math.prod(arch.scaled(Scaling(width=width), rounding('ceil')).stages[0].channels) > 0
