"""The study of searched against uniformly scaled networks: fair pairs, and right intervals."""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from pathlib import Path

import pytest
import torch
from scipy import stats

from scalenas.arch import pruned
from scalenas.benchmarks import hr_scenes
from scalenas.models import ScaleHRNet

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'benchmarks'))
        import searched_against_scaled

        yield searched_against_scaled
        for name in ('searched_against_scaled', 'hr_scenes', 'scenes_ranks', 'scenes_training'):
            sys.modules.pop(name, None)


@pytest.fixture(scope='module')
def written():
    return json.loads((ROOT / 'benchmarks/results/searched_against_scaled.json').read_text())


@pytest.fixture(scope='module')
def pairs(study):
    return study.pairs()


def test_the_searched_network_is_the_best_that_costs_no_more(study, pairs):
    table = hr_scenes.load()
    assert len(pairs) == len(study.SCALED) == 8
    for pair in pairs:
        most = study.whole_cost(pair.scaled)['macs']
        searched = table.records[pair.slot]
        assert study.whole_cost(searched.arch)['macs'] == searched.cost['macs'] <= most
        within = [r for r in table.records if r.cost['macs'] <= most]
        assert searched.metrics['mIoU'] == max(r.metrics['mIoU'] for r in within)


def test_at_equal_latency_it_is_the_best_that_is_no_slower(study, written):
    table = hr_scenes.load()
    limits = written['milliseconds']
    for pair, most in zip(study.pairs(limits), limits, strict=True):
        searched = table.records[pair.slot]
        assert searched.cost['ms'] <= most
        within = [r.metrics['mIoU'] for r in table.records if r.cost['ms'] <= most]
        assert searched.metrics['mIoU'] == max(within)


def test_no_compared_network_has_blocks_or_fusions_that_nothing_reads(study, pairs):
    for arch in (arch for pair in pairs for arch in (pair.scaled, study.arch_of(pair.slot))):
        single = arch.with_(output='single')
        assert pruned(single) == single
        net = ScaleHRNet(arch)
        net(torch.zeros(2, 3, 64, 64))[0].sum().backward()
        assert [name for name, weights in net.named_parameters() if weights.grad is None] == []


def test_the_uniform_networks_differ_from_the_searched_in_nothing_but_topology(study, pairs):
    for pair in pairs:
        searched = study.arch_of(pair.slot)
        for name in ('stem', 'stage1_blocks', 'stage1_channels', 'upsample', 'in_channels'):
            assert getattr(pair.scaled, name) == getattr(searched, name)
        assert [len(stage.modules) for stage in pair.scaled.stages] == [
            len(stage.modules) for stage in searched.stages
        ]


def test_random_networks_cost_about_the_same_and_differ_by_seed(study, pairs):
    table = hr_scenes.load()
    distinct = {record.slot for record in study.distinct()}
    assert len(distinct) == 1584
    for pair in pairs:
        slots = [study.drawn(pair, seed) for seed in range(4)]
        assert slots == [study.drawn(pair, seed) for seed in range(4)]
        assert len(set(slots)) > 1
        for slot in slots:
            assert slot in distinct
            ratio = table.records[slot].cost['macs'] / study.whole_cost(pair.scaled)['macs']
            assert 0.95 <= ratio <= 1


def scored(path: Path, jobs, score) -> Path:
    with path.open('w', newline='') as out:
        writer = csv.writer(out)
        writer.writerow(['net', 'seed', 'mIoU'])
        writer.writerows([name, seed, score(name, seed)] for name, seed in jobs)
    return path


def test_the_tables_are_of_the_seeds_that_are_complete(study, pairs, written, tmp_path):
    limits = written['milliseconds']
    args = argparse.Namespace(seeds=3, random=2)
    jobs = sorted({job[:2] for job in study.jobs(args, limits)})
    best = {f'searched_{pair.slot}' for pair in (*pairs, *study.pairs(limits))}
    last = (pairs[-1].names[1], 2)

    def score(name: str, seed: int) -> float:
        return 30 + (3 + seed if name in best else 0 if name.startswith('scaled') else 1)

    file = scored(tmp_path / 'a.csv', [job for job in jobs if job != last], score)
    found = study.report(file, args, limits)
    macs = found['macs']
    assert macs['seeds'] == [0, 1]
    assert macs['mean'] == pytest.approx(3.5)
    low, high = stats.t.interval(0.95, 1, 3.5, stats.sem([3.0, 4.0]))
    assert macs['interval'] == pytest.approx([low, high])
    assert macs['over pairs and seeds'] == pytest.approx([3, 4])
    assert macs['second'] == [[33.0, 34.0]] * 8
    chosen = {study.drawn(pair, seed) for pair in pairs for seed in range(2)}
    if not chosen & {pair.slot for pair in (*pairs, *study.pairs(limits))}:
        assert found['scaled minus random']['mean'] == pytest.approx(-1)
        assert found['searched minus random']['mean'] == pytest.approx(2.5)
    assert len([line for line in found['table'] if line.startswith('| 6, 2 |')]) == 2


def test_intervals_over_pairs_and_seeds_grow_with_pairs_that_differ(study, pairs):
    scores = {
        (name, seed): (10 * i + seed if name.startswith('searched') else 0.0)
        for i, pair in enumerate(pairs)
        for name in pair.names
        for seed in range(4)
    }
    found = study.apart(scores, pairs, range(4))
    low, high = found['over pairs and seeds']
    assert found['mean'] == pytest.approx(
        statistics.mean(v for row in found['second'] for v in row)
    )
    width = found['interval'][1] - found['interval'][0]
    assert high - low > 3 * width
    assert low < found['mean'] < high


def test_the_tables_of_the_pages_are_those_of_the_study(written):
    page, readme = ((ROOT / path).read_text() for path in ('docs/rank.md', 'README.md'))
    assert len(written['table']) >= 11
    assert [line for line in written['table'] if line not in page] == []
    first = [line for line in written['table'][:10] if line.startswith('|')]
    assert len(first) == 10
    assert [line for line in first if line not in readme] == []
