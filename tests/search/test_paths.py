"""Rank studies: which paths, what they are compared with, and what ends in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy import stats

from scalenas.arch import dump, named
from scalenas.search import (
    GivenNetworks,
    Objectives,
    Record,
    compare,
    comparison_of,
    comparisons_text,
    paths_text,
    rank_table,
    read_alone,
    read_paths,
    sampled_paths,
    spread_by_cost,
)
from scalenas.visualization.draw_samples import draw_ranks
from tests.errors import contains, raises

from .table import COST, OBJECTIVES, SPACE, score, search_in_memory

ARCHS = sampled_paths(SPACE, 20, 0)


def records(objectives: Objectives = OBJECTIVES) -> list[Record]:
    """The paths, evaluated."""
    return search_in_memory(GivenNetworks(SPACE, objectives, COST, ARCHS))


def test_paths_are_different_and_follow_from_the_seed() -> None:
    assert len(set(ARCHS)) == 20
    assert sampled_paths(SPACE, 20, 0) == ARCHS
    assert sampled_paths(SPACE, 5, 0) == ARCHS[:5]
    assert sampled_paths(SPACE, 20, 1) != ARCHS


def test_every_path_is_evaluated_once_and_read_again(tmp_path: Path) -> None:
    found = records()
    assert [record.arch for record in found] == ARCHS
    (tmp_path / 'paths.json').write_text(paths_text(found))
    assert read_paths(tmp_path / 'paths.json') == ARCHS


def test_against_cost_and_against_training_alone() -> None:
    found = records()
    alone = {arch: -index for index, arch in enumerate(ARCHS[:7])}
    by_cost, by_training = compare(found, OBJECTIVES, alone, resamples=20)
    scores = [score(arch)['mIoU'] for arch in ARCHS]
    macs = [COST(arch)['macs'] for arch in ARCHS]
    assert by_cost.study.num == 20
    assert by_cost.study.kendall.value == pytest.approx(stats.kendalltau(macs, scores).statistic)
    rho = stats.spearmanr(range(0, -7, -1), scores[:7]).statistic
    assert (by_training.against, by_training.study.num) == ('trained alone', 7)
    assert by_training.study.spearman.value == pytest.approx(rho)
    lines = rank_table({'net': [by_cost, by_training]}).splitlines()
    assert lines[2].startswith('| net | MACs | 20 | ')
    assert len({line.count('|') for line in lines}) == 1
    rows = json.loads(comparisons_text([by_cost, by_training]))
    assert [comparison_of(row) for row in rows] == [by_cost, by_training]


def test_networks_that_all_score_the_same_have_no_order(tmp_path: Path) -> None:
    pytest.importorskip('matplotlib')
    found = compare(records(), OBJECTIVES, dict.fromkeys(ARCHS[:4], 50.0), resamples=5)
    assert [comparison.study is None for comparison in found] == [False, True]
    assert rank_table({'net': found}).splitlines()[3] == '| net | trained alone | 4 | - | - | - |'
    assert [comparison_of(row) for row in json.loads(comparisons_text(found))] == found
    draw_ranks(tmp_path / 'ranks.png', {'net': found}, 'mIoU')
    assert (tmp_path / 'ranks.png').is_file()


def test_where_less_is_better_a_good_order_is_positive() -> None:
    down = Objectives.from_dict((('mIoU', 'min'), 'macs'))
    alone = {arch: score(arch)['mIoU'] for arch in ARCHS}
    by_cost, by_training = compare(records(down), down, alone, resamples=5)
    assert by_training.study.spearman.value == pytest.approx(1.0)
    upward = compare(records(), OBJECTIVES, resamples=5)[0]
    assert by_cost.study.kendall.value == pytest.approx(-upward.study.kendall.value)


def test_some_spread_by_cost() -> None:
    chosen = spread_by_cost(records(), OBJECTIVES, 4)
    macs = [record.cost['macs'] for record in chosen]
    everything = sorted(COST(arch)['macs'] for arch in ARCHS)
    assert macs == [everything[i] for i in (0, 6, 13, 19)]
    assert len(spread_by_cost(records(), OBJECTIVES, 99)) == 20


def test_scores_of_networks_alone(tmp_path: Path) -> None:
    (tmp_path / 'nets').mkdir()
    (tmp_path / 'nets/mine.yaml').write_text(dump(ARCHS[0]))
    table = tmp_path / 'scores.csv'
    table.write_text('arch,score\nnets/mine.yaml,0.5\nscalenas_s1,0.75\n')
    scores = {ARCHS[0]: 0.5, named('scalenas_s1'): 0.75}
    assert read_alone(table) == scores
    table.write_text(table.read_text(), encoding='utf-8-sig')  # as spreadsheets do
    assert read_alone(table) == scores


TABLE = 'a CSV with columns arch and score'


@pytest.mark.parametrize(
    ('text', 'where', 'fields'),
    [
        ('arch,score\n', '', {'problem': 'has no line', 'allowed': TABLE}),
        ('net,score\nscalenas_s1,1\n', '', {'problem': contains('arch'), 'allowed': TABLE}),
        ('arch,score\nscalenas_s1,high\n', '', {'problem': contains('high'), 'allowed': TABLE}),
        ('arch,score\nscalenas_s1,nan\n', ', line 2, score', {'got': 'nan'}),
        (
            'arch,score\nscalenas_s1,1\nscalenas_s1,2\n',
            ', line 3',
            {'got': 'scalenas_s1', 'problem': contains('an earlier line')},
        ),
        ('arch,score\nscalenas_s9,1\n', ', line 2.arch', {'got': 'scalenas_s9'}),
    ],
)
def test_a_bad_table_is_one_line(
    tmp_path: Path, text: str, where: str, fields: dict[str, object]
) -> None:
    path = tmp_path / 'scores.csv'
    path.write_text(text)
    with raises(where=f'{path}{where}', **fields):
        read_alone(path)


def test_networks_that_make_no_study(tmp_path: Path) -> None:
    with raises(where='rank study', got=0):
        GivenNetworks(SPACE, OBJECTIVES, COST, [])
    with raises(problem='not in the space'):
        GivenNetworks(SPACE, OBJECTIVES, COST, [named('scalenas_s1')])
    (tmp_path / 'paths.json').write_text('[{"net": 1}]')
    with raises(where=tmp_path / 'paths.json', allowed='the paths of a rank study'):
        read_paths(tmp_path / 'paths.json')
    few = records()[:2]
    with raises(where='rank study', got=2, allowed=contains('3 networks')):
        compare(few, OBJECTIVES)
