"""A table of units: sums by hand, corrections that are found again, files, and what is refused."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import Layer, named
from scalenas.arch.hrnet import pruned
from scalenas.complexity import Counter as CostCounter
from scalenas.latency.correction import agreement, fit_correction
from scalenas.latency.reliability import LatencyError, Spread, Times
from scalenas.latency.table import (
    Agreement,
    Correction,
    LatencyTable,
    kind_of,
    options_of,
    unit_key,
    units_of,
)
from scalenas.space import HRSpace, MBConvSpace, StageChoices
from tests.errors import contains, raises

pytestmark = pytest.mark.fast
SPACE = HRSpace(8, (1, 1), (1, 2), stem=16, stage1_blocks=1, stage1_channels=8)
SIZE = (32, 64)
ARCHS = [SPACE.smallest(), SPACE.largest(), *(SPACE.sample(random.Random(n)) for n in range(8))]


def table(ms=lambda unit: 1.0, archs=ARCHS, size=SIZE, **changes) -> LatencyTable:
    units = {
        unit_key(unit): Spread(*(share * ms(unit) for share in (0.9, 1.0, 1.1)))
        for arch in archs
        for _, unit in units_of(arch, size or arch.size)
    }
    about = {'runtime': 'none 1', 'threads': 1}
    return LatencyTable(about, archs[0].family, options_of(archs[0]), units, **changes)


def macs(unit) -> float:
    return sum(layer.c_in * layer.c_out * layer.kernel**2 for layer in unit.layers()) / 1e3


def test_a_network_is_the_sum_of_its_units() -> None:
    ones = table()
    assert [ones(arch, SIZE) for arch in ARCHS] == [len(list(units_of(a, SIZE))) for a in ARCHS]
    by_macs = table(macs)
    for arch in ARCHS:
        expected = sum(macs(unit) for _, unit in arch.units(SIZE))
        assert by_macs(arch, SIZE) == pytest.approx(expected)
        assert by_macs(arch, SIZE) == by_macs(arch, SIZE)
    # Of equal columns, the counter agrees.
    params = table(lambda unit: CostCounter(SIZE)(ARCHS[0])['params'] * 0 + macs(unit))
    assert params.units == by_macs.units


def test_a_correction_is_added() -> None:
    fixed = Correction(0.5, 3.0, {'FuseRow': 0.25})
    corrected = table(correction=fixed)
    for arch in ARCHS:
        kinds = [type(unit).__name__ for _, unit in arch.units(SIZE)]
        expected = 3.0 + 0.5 * len(kinds) + 0.25 * kinds.count('FuseRow')
        assert corrected(arch, SIZE) == pytest.approx(expected)
        parts = corrected.parts(arch, SIZE)
        medians = {key: spread.median for key, spread in corrected.units.items()}
        assert fixed.whole(parts, medians) == pytest.approx(expected)


def test_what_nothing_reads_is_not_counted() -> None:
    whole = named('scalenas_p1')
    assert pruned(whole) != whole
    both = table(archs=[whole])
    assert both(whole, SIZE) == both(pruned(whole), SIZE) == len(list(pruned(whole).units(SIZE)))


def test_other_families_sum_as_well() -> None:
    stages = [StageChoices((16,), (1, 2), (3, 5), (1, 6), stride=2) for _ in range(2)]
    space = MBConvSpace(stages, resolution=(32, 64), stem=(16,), conv_out=(32,))
    archs = [space.sample(random.Random(n)) for n in range(20)]
    sums = table(macs, archs, None)
    for arch in archs:
        expected = sum(macs(unit) for _, unit in arch.units(arch.size))
        assert sums(arch, arch.size) == pytest.approx(expected)


def test_the_text_of_a_unit_is_its_value() -> None:
    class Tuple(NamedTuple):
        c: int

        def layers(self) -> tuple[Layer, ...]:
            return ()

    class Plain:
        def __init__(self, c: int) -> None:
            self.c = c

        def layers(self) -> list[Layer]:
            return [Layer('0', self.c, self.c, 3, (4, 4))]

    assert unit_key(Tuple(3)) == 'Tuple(c=3)'
    assert unit_key(Plain(3)) == unit_key(Plain(3)) != unit_key(Plain(4))
    assert kind_of(unit_key(Plain(3))) == 'Plain'
    # Whatever two units differ in, their texts do.
    units = {unit for arch in ARCHS for _, unit in arch.units(SIZE)}
    texts: dict[str, set] = {}
    for unit in units:
        texts.setdefault(unit_key(unit), set()).add(tuple(unit.layers()))
    assert all(len(plans) == 1 for plans in texts.values())
    assert not any(' at 0x' in text for text in texts)


def test_inner_widths_are_in_the_text_of_a_unit_and_change_no_other() -> None:
    space = HRSpace.from_dict({**SPACE.to_dict(), 'inner_widths': (0.5, 1)})
    archs = [space.sample(random.Random(n)) for n in range(40)]
    texts = {unit_key(unit) for arch in archs for _, unit in arch.units(SIZE)}
    plain = {unit_key(unit) for arch in ARCHS for _, unit in arch.units(SIZE)}
    assert {text for text in texts if 'inner=' in text and 'BasicBlock' in text} == set()
    assert {text for text in texts - plain if kind_of(text) != 'FuseRow'} == {
        f'InnerBlock(channels={8 * 2**i}, inner={4 * 2**i}, size=({8 // 2**i}, {16 // 2**i}))'
        for i in range(3)
    }
    sums = table(macs, archs)
    for arch in archs:
        expected = sum(macs(unit) for _, unit in pruned(arch).units(SIZE))
        assert sums(arch, SIZE) == pytest.approx(expected)


def test_what_was_not_measured_is_refused() -> None:
    part = table(archs=[SPACE.smallest()])
    assert part(SPACE.smallest(), SIZE)
    with raises(LatencyError, where='latency table', hint=contains('--units')) as caught:
        part(SPACE.largest(), SIZE)
    assert 'stage2.0' in str(caught.value)
    with raises(LatencyError, where='latency table', problem=contains('stem', '16x16')):
        part(SPACE.smallest(), (16, 16))
    with raises(LatencyError, where='latency table', got='mbconv', allowed=('hrnet',)):
        part(named('efficientnet_b0'), SIZE)
    bilinear = SPACE.smallest().with_(upsample='bilinear')
    with raises(LatencyError, got='bilinear', allowed=('nearest',), problem=contains('upsample')):
        part(bilinear, SIZE)


def test_the_file_gives_the_table_back(tmp_path: Path) -> None:
    path = tmp_path / 'table.json'
    agreed = Agreement(9, 0.9, 0.95, 0.02, 0.1)
    one = table(macs, correction=Correction(1.5, 0.25, {'Stem': -0.1}), agreement=agreed)
    one.write(path)
    read = LatencyTable.from_file(path)
    read.write(tmp_path / 'again.json')
    assert path.read_bytes() == (tmp_path / 'again.json').read_bytes()
    for arch in ARCHS:
        assert read(arch, SIZE) == pytest.approx(one(arch, SIZE), rel=1e-5)
    assert (read.agreement, read.correction) == (one.agreement, one.correction)
    assert read.settings() == LatencyTable.from_file(path).settings()


def test_a_table_that_was_measured_anew_is_another(tmp_path: Path) -> None:
    one = table().settings()
    assert table().settings() == one
    for other in (
        table(lambda unit: 1.0001),
        table(correction=Correction(1.01)),
        table(archs=ARCHS[:1]),
    ):
        assert other.settings() != one


@pytest.mark.parametrize(
    ('change', 'where', 'fields'),
    [
        (lambda d: d.pop('units'), '', {'problem': contains('missing')}),
        (lambda d: d.update(more=1), '', {'got': 'more'}),
        (lambda d: d.update(units={}), ': units', {'got': {}}),
        (lambda d: d.update(units=[1]), ': units', {'allowed': 'a table'}),
        (lambda d: d['units'].update(x=[1, 2]), ': units', {'got': [1, 2]}),
        (lambda d: d['units'].update(x=[1, 0, 1]), ': units.time of x', {'got': 0}),
        (lambda d: d['units'].update(x=[1, math.nan, 1]), ': units.time of x', {'got': math.isnan}),
        (lambda d: d['correction'].update(scale=0), ': correction.scale', {'got': 0}),
        (lambda d: d['correction'].update(constant='x'), ': correction.constant', {'got': 'x'}),
        (lambda d: d['correction'].update(each=3.5j), '', {}),
        (lambda d: d['correction'].update(each={'a': None}), ': correction.a', {'got': None}),
        (lambda d: d.update(agreement={}), ': agreement', {'problem': contains('missing')}),
    ],
)
def test_a_broken_file_is_one_line(change, where: str, fields: dict, tmp_path: Path) -> None:
    path = tmp_path / 'table.json'
    data = table(agreement=None).to_dict()
    change(data)
    try:
        path.write_text(json.dumps(data))
    except TypeError:
        path.write_text('{')
        fields = {'allowed': 'a table of tools/benchmark.py'}
    with raises(where=f'{path}{where}', **fields):
        LatencyTable.from_file(path)
    with raises(LatencyError, where=tmp_path / 'none.json', problem='no such file'):
        LatencyTable.from_file(tmp_path / 'none.json')


MS = {f'{kind}({n})': 0.5 + n for kind in 'AB' for n in range(4)}


def nets(count: int, rng: random.Random) -> list[dict[str, int]]:
    return [{key: rng.randrange(6) for key in MS} for _ in range(count)]


@settings(deadline=None)
@given(
    *(st.floats(0.3, 2.0), st.floats(0.0, 20.0), st.floats(-0.1, 2.0), st.floats(-0.1, 2.0)),
    st.integers(0, 9),
)
def test_a_correction_is_found_again(
    scale: float, constant: float, a: float, b: float, seed: int
) -> None:
    truth = Correction(scale, constant, {'A': a, 'B': b})
    parts = nets(12, random.Random(seed))
    found = fit_correction(parts, MS, [truth.whole(row, MS) for row in parts])
    for row in nets(5, random.Random(seed + 100)):
        assert found.whole(row, MS) == pytest.approx(truth.whole(row, MS), rel=2e-2)


def test_as_few_numbers_as_it_needs() -> None:
    rng = random.Random(0)
    parts = nets(12, rng)
    for truth in (Correction(), Correction(1.3)):
        whole = [truth.whole(row, MS) * math.exp(rng.gauss(0, 0.01)) for row in parts]
        found = fit_correction(parts, MS, whole)
        assert (found.constant, found.each) == (0.0, {})
        assert found.scale == pytest.approx(truth.scale, rel=0.02)
    assert fit_correction(parts[:1], MS, [50.0]) == Correction(), 'one network fits any scale'


@settings(deadline=None)
@given(st.integers(0, 200))
def test_no_unit_is_ever_negative(seed: int) -> None:
    rng = random.Random(seed)
    parts = nets(6, rng)
    found = fit_correction(parts, MS, [rng.uniform(1.0, 60.0) for _ in parts])
    assert min(found.unit(key, ms) for key, ms in MS.items()) >= 0
    assert found.constant >= 0
    assert all(found.whole(row, MS) >= 0 for row in nets(5, rng))


def test_agreement_by_hand() -> None:
    times = Times(tuple('abc'), tuple((ms / 1e3,) * 4 for ms in (10.0, 20.0, 40.0)))
    found = agreement([11.0, 19.0, 18.0], times)
    assert (found.nets, found.ceiling) == (3, 1.0)
    assert found.tau == pytest.approx(1 / 3)
    assert found.error == pytest.approx(0.1)
    assert found.worst == pytest.approx(0.55)
    with raises(LatencyError, where='correction', got=0):
        fit_correction([], MS, [])
