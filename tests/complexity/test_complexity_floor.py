"""The floor rule of ScaleNet's authors, beside the true count."""

from __future__ import annotations

import pytest
from hypothesis import given

from scalenas.arch import Arch, ClassificationHead, MBConvArch, named
from scalenas.complexity import Cost, Counter, count, count_floored
from tests.random_archs import mbconv_archs
from tests.strategies import sizes

# Printed, and by the true count (G): S2's printed number is the only one that neither rule gives.
FLOORED = {'s0': (0.35, 0.353), 's1': (0.80, 0.800), 's3': (2.76, 3.034)}
NEAR = {'s4': (5.97, 6.411), 's5': (10.22, 10.889)}


def floored(name: str) -> tuple[Cost, Cost]:
    arch = named(f'scalenet_{name}')
    assert isinstance(arch, MBConvArch)
    head = ClassificationHead()
    on_top = count(head.layers(arch.features(arch.size)))
    return count_floored(arch.layers(), arch.size) + on_top, Counter(head=head)(arch)


@pytest.mark.parametrize('name', [*FLOORED, *NEAR])
def test_the_tables_of_scalenet_round_odd_maps_down(name: str) -> None:
    printed, true = {**FLOORED, **NEAR}[name]
    low, cost = floored(name)
    assert cost['macs'] / 1e9 == pytest.approx(true, abs=5e-4)
    assert low['params'] == cost['params']
    if name in FLOORED:
        assert round(low['macs'] / 1e9, 2) == printed
    else:
        assert low['macs'] / 1e9 == pytest.approx(printed, rel=0.002)


@given(mbconv_archs(), sizes)
def test_the_floor_rule_never_counts_more(arch: Arch, size: tuple[int, int]) -> None:
    assert isinstance(arch, MBConvArch)
    low, cost = count_floored(arch.layers(size), size), count(arch.layers(size))
    assert low['params'] == cost['params']
    assert low['macs'] <= cost['macs']
    assert low['acts'] <= cost['acts']


@given(mbconv_archs())
def test_even_maps_count_the_same(arch: Arch) -> None:
    assert isinstance(arch, MBConvArch)
    side = 2 ** (1 + sum(stage.stride == 2 for stage in arch.stages)) * 3
    plan = list(arch.layers((side, side)))
    assert count_floored(plan, (side, side)) == count(plan)
