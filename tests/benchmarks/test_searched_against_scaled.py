"""The study of searched against uniformly scaled networks: fair pairs, and right intervals."""

from __future__ import annotations

import csv
import statistics
import sys
from pathlib import Path

import pytest
import torch
from scipy import stats

from scalenas.models import ScaleHRNet

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'benchmarks'))
        import searched_against_scaled

        yield searched_against_scaled
        for name in ('searched_against_scaled', 'hr_scenes', 'scenes_training'):
            sys.modules.pop(name, None)


def test_no_searched_network_costs_more_than_the_one_it_is_compared_with(study):
    from scalenas.benchmarks import hr_scenes

    table = hr_scenes.load()
    pairs = study.pairs()
    assert len(pairs) == len(study.SCALED) == 8
    for pair in pairs:
        assert pair.macs[1] <= pair.macs[0] == study.whole_cost(pair.scaled)['macs']
        score = table.evaluate(pair.searched)['mIoU']
        affordable = [r.metrics['mIoU'] for r in table.records if r.cost['macs'] <= pair.macs[0]]
        assert score == max(affordable)


def test_the_uniform_networks_differ_from_the_searched_in_nothing_but_topology(study):
    for pair in study.pairs():
        shared = ('stem', 'stage1_blocks', 'stage1_channels', 'upsample', 'output', 'in_channels')
        for name in shared:
            assert getattr(pair.scaled, name) == getattr(pair.searched, name)
        assert [len(stage.modules) for stage in pair.scaled.stages] == [
            len(stage.modules) for stage in pair.searched.stages
        ]
        with torch.device('meta'):
            net = ScaleHRNet(pair.scaled)
        assert net.arch == pair.scaled


def test_the_interval_is_students(study):
    values = [1.5, 0.25, 2.0]
    mean, low, high = study.interval(values)
    expected = stats.t.interval(0.95, 2, statistics.mean(values), stats.sem(values))
    assert mean == statistics.mean(values)
    assert (low, high) == pytest.approx(expected, abs=1e-12)


def test_the_table_is_of_the_seeds_that_are_complete(study, tmp_path):
    file = tmp_path / 'scores.csv'
    names = sorted({name for pair in study.pairs() for name in pair.names})
    with file.open('w', newline='') as out:
        writer = csv.writer(out)
        writer.writerow(['net', 'seed', 'mIoU'])
        for seed in (0, 1, 2):
            for name in names:
                if (seed, name) != (2, names[-1]):
                    better = 3.0 + seed if name.startswith('searched') else 0.0
                    writer.writerow([name, seed, 30.0 + better])
    text, found = study.report(file, 3)
    assert found['seeds'] == [0, 1]
    assert found['mean'] == pytest.approx(3.5)
    low, high = stats.t.interval(0.95, 1, 3.5, stats.sem([3.0, 4.0]))
    assert found['interval'] == pytest.approx([low, high])
    assert [row['searched'] for row in found['pairs']] == [[33.0, 34.0]] * 8
    assert text.count('\n| ') == 8
