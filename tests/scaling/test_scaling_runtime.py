"""Figure 2: which networks are timed, in which order, into which file, and what times say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scalenas.arch import named, rounding
from scalenas.scaling import ScalingError, pearson
from scalenas.scaling.latency import LatencyModel
from scalenas.scaling.measure import Journal, measure, timings
from scalenas.scaling.runtime import (
    BASES,
    FIGURE_2,
    base_at,
    by_base,
    correlations,
    latency_lines,
    networks,
    order,
    powers,
    runtime_table,
    spread_text,
    timing,
)
from tests.errors import contains, raises

RULE = rounding('pycls')
SETTING = {'device': 'a CPU', 'sides': {'efficientnet_b0': (64, 64)}}


def nets(bases=('efficientnet_b0',), most=4.0, side=64):
    return networks({b: base_at(named(b), side) for b in bases}, list(FIGURE_2), powers(most), RULE)


def test_the_grid_of_figure_2() -> None:
    """Four strategies meet at factor 1; group width goes with width in all that widen."""
    found = nets(BASES, 32)
    assert len(found) == 3 * (1 + 4 * 5)
    assert len({net.name for net in found}) == len(found)
    bases = [net for net in found if net.labels[0][1] == 1]
    assert [net.base for net in bases] == list(BASES)
    assert all(net.size == (64, 64) for net in bases)
    assert all({s for s, _ in net.labels} == set(FIGURE_2) for net in bases)
    for net in found:
        ((strategy, factor), *_) = net.labels
        if factor == 32 and net.base == 'efficientnet_b0':
            assert net.cost['macs'] == pytest.approx(32 * bases[0].cost['macs'], rel=0.35), strategy
    groups = {
        s: net.arch.stages[0].group_width
        for net in found
        for s, factor in net.labels
        if (net.base, factor) == ('regnetz_500mf', 32)
    }
    assert groups['width'] > groups['fast'] > groups['compound'] > 4
    assert groups['dwg'] > 4


def test_bases_have_the_given_side() -> None:
    assert base_at(named('efficientnet_b0'), None).arch == named('efficientnet_b0')
    assert base_at(named('efficientnet_b0'), 96).size == (96, 96)
    assert base_at(named('scalenas_s1'), 96).size == (96, 96)
    assert base_at(named('scalenas_s1'), 96).arch == named('scalenas_s1')
    with raises(ScalingError, where='--side', hint='give one', names=('hrnet',)):
        base_at(named('scalenas_s1'), None)
    assert powers(32) == [1, 2, 4, 8, 16, 32]
    assert powers(5) == [1, 2, 4]
    for wrong in (1.9, float('inf'), float('nan')):
        with raises(ScalingError, where='--max-factor', allowed='a number >= 2'):
            powers(wrong)


def test_the_order_is_shuffled_in_each_round_and_by_the_seed_alone() -> None:
    grid = nets(BASES, 8)
    first = list(order(grid, 3, 0))
    assert first == list(order(grid, 3, 0))
    assert first != list(order(grid, 3, 1))
    rounds = [[net.name for n, net in first if n == k] for k in range(3)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == sorted(net.name for net in grid)
    assert rounds[0] != rounds[1] != rounds[2]
    costs = [net.cost['macs'] for _, net in first]
    assert abs(pearson(range(len(costs)), costs)) < 0.3, 'size does not go with time'


class Clock:
    """A device that needs 10 ns an activation, twice as long in its second visit."""

    def __init__(self, stop: int = 10**6) -> None:
        self.asked: list = []
        self.stop = stop

    def __call__(self, arch, size, kind):
        if len(self.asked) == self.stop:
            raise KeyboardInterrupt
        key = arch, size, kind
        acts = next(net.cost['acts'] for net in nets() if (net.arch, net.size) == key[:2])
        again = key in self.asked
        self.asked.append(key)
        base = (1e-8 * acts + 1e-3) * (3 if kind == 'training' else 1)
        return [base * (2 if again else 1)] * 2


def run(path: Path, clock: Clock, kinds=('inference', 'training'), rounds=2, setting=SETTING):
    said: list[str] = []
    journal = Journal(path, setting)
    measure(nets(), kinds, journal, clock, rounds, 0, said.append)
    return journal, said


@pytest.mark.longer
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, said = run(tmp_path / 'whole.jsonl', Clock())
    assert len(said) == len(nets()) * 4
    assert said[-1].endswith('about 0 s left')
    assert said[0].startswith(f'1/{len(said)} efficientnet_b0 ')
    path = tmp_path / 'parts.jsonl'
    with pytest.raises(KeyboardInterrupt):
        run(path, Clock(stop=7))
    assert len(path.read_text().splitlines()) == 1 + 7
    with path.open('a') as file:
        file.write('{"net": "efficient')  # a kill in the middle of a line
    rest = Clock()
    journal, said = run(path, rest)
    assert said[0] == f'7 of {len(whole.runs)} timings are there already'
    assert len(rest.asked) == len(whole.runs) - 7
    assert journal.runs.keys() == whole.runs.keys()
    assert Journal(path, SETTING).runs == journal.runs
    nothing = Clock()
    run(path, nothing)
    assert not nothing.asked


@pytest.mark.parametrize(
    ('text', 'fields'),
    [
        (
            '{"device": "another"}\n',
            {'got': 'another', 'allowed': ('a CPU',), 'names': ('device',)},
        ),
        (
            json.dumps({**SETTING, 'batch': 2}) + '\n',
            {'got': 2, 'allowed': (None,), 'names': ('batch',)},
        ),
        ('an image\n', {'problem': contains('not a file of timings')}),
        (
            json.dumps(SETTING) + '\n{"net": 1}\n',
            {'problem': contains('not a file of timings', 'round')},
        ),
        ('[1]\n', {'problem': contains('not a file of timings', 'no setting')}),
    ],
)
def test_another_file_is_not_written_into(text: str, fields: dict, tmp_path: Path) -> None:
    path = tmp_path / 'timings.jsonl'
    path.write_text(text)
    with raises(ScalingError, where=path, hint=contains('choose another --out'), **fields):
        run(path, Clock())
    assert path.read_text() == text


def test_nothing_is_written_before_the_first_timing(tmp_path: Path) -> None:
    path = tmp_path / 'timings.jsonl'
    with pytest.raises(KeyboardInterrupt):
        run(path, Clock(stop=0))
    assert not path.exists()


def test_medians_and_fastest_over_all_visits(tmp_path: Path) -> None:
    journal, _ = run(tmp_path / 't.jsonl', Clock())
    for statistic, times in (('fastest', 1.0), ('median', 1.5)):
        found, without = timings(nets(), 'inference', journal, statistic)
        assert not without
        for entry in found:
            expected = (1e-8 * entry.net.cost['acts'] + 1e-3) * times
            assert entry.seconds == pytest.approx(expected)
            assert entry.spread == pytest.approx(1 / 1.5)
        assert correlations(found)['acts'] == pytest.approx(1)
        assert correlations(found)['macs'] < 0.999
        line = latency_lines(found)['all']
        assert line.slope == pytest.approx(10 * times)
        assert line.intercept == pytest.approx(times)
        assert line.error == pytest.approx(0, abs=1e-9)


def test_a_network_without_memory_is_left_out_and_named(tmp_path: Path) -> None:
    clock = Clock()

    def small(arch, size, kind):
        return clock(arch, size, kind) if arch.num_blocks < 30 else []

    journal = Journal(tmp_path / 't.jsonl', SETTING)
    said: list[str] = []
    measure(nets(), ['inference'], journal, small, 1, 0, said.append)
    found, without = timings(nets(), 'inference', Journal(journal.path, SETTING))
    assert without == [net.name for net in nets() if net.arch.num_blocks >= 30] != []
    assert len(found) + len(without) == len(nets())
    assert sum('no memory' in line for line in said) == len(without)


def test_the_table_and_the_model_of_two_bases(tmp_path: Path) -> None:
    grid = nets(('efficientnet_b0', 'regnetz_500mf'))
    slow = {'efficientnet_b0': 1e-8, 'regnetz_500mf': 2e-8}
    found = [timing(net, [slow[net.base] * net.cost['acts']] * 4) for net in grid]
    assert list(by_base(found)) == ['efficientnet_b0', 'regnetz_500mf', 'all']
    rows = [
        line.strip('| ').split(' | ') for line in runtime_table({'training': found}).split('\n')
    ]
    assert [row[:3] for row in rows[2:]] == [
        ['training', 'efficientnet_b0', '9'],
        ['training', 'regnetz_500mf', '9'],
        ['training', 'all', '18'],
    ]
    assert [row[5] for row in rows[2:4]] == ['1.000', '1.000']
    assert [row[6] for row in rows[2:4]] == ['10', '20']
    assert float(rows[4][5]) < 1
    lines = {'training': latency_lines(found)}
    path = tmp_path / 'latency.yaml'
    path.write_text(LatencyModel('x', 1, 1, 'torch', lines).dump())
    assert LatencyModel.from_file(path).line('regnetz_500mf', 'training')[1].slope == 20
    assert 'training: the middle half of the runs of a network spans 0%' in spread_text(
        {'training': found}
    )
