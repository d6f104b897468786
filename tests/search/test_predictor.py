"""The predictor in the loop: pure in the records, within budgets, and honest about its tau."""

from __future__ import annotations

import csv
import io
import itertools
import logging
import multiprocessing
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, norm

from scalenas.arch import Arch
from scalenas.complexity import Budget
from scalenas.search import (
    Objectives,
    PredictorSearch,
    SearchPlan,
    hypervolume,
    run_search,
)
from scalenas.search.gene_matrix import INACTIVE, GeneMatrix
from scalenas.search.surrogate import Learned, Surrogate
from scalenas.search.volume_gain import most_gain
from scalenas.space import HRSpace
from tests.errors import contains, raises

from .table import (
    COST,
    OBJECTIVES,
    SPACE,
    counted,
    key,
    open_study,
    predictor,
    random_search,
    score,
    search_in_memory,
    worker,
)

pytest.importorskip('sklearn')
MATRIX = GeneMatrix(SPACE)


def noise(arch: Arch) -> dict[str, float]:
    """A number that nothing of a network explains."""
    return {'mIoU': random.Random(key(arch)).random()}


# ---------------------------------------------------------------- rows


def test_a_row_is_a_network() -> None:
    rng = random.Random(0)
    archs = [SPACE.smallest(), SPACE.largest(), *(SPACE.sample(rng) for _ in range(30))]
    rows = MATRIX.rows(archs)
    assert [MATRIX.arch(row) for row in rows] == archs
    for row, arch in zip(rows, archs, strict=True):
        genes = SPACE.encode(arch)
        for place, (name, gene) in zip(row, SPACE.genes.items(), strict=True):
            assert bool(place == INACTIVE) is (name not in genes)
            assert name not in genes or gene.values[place] == genes[name]


def test_offspring_are_rows_of_networks_that_the_space_varies_alike() -> None:
    """Canonical; and how much moves is what `mutate` and `cross` of the space move."""
    draw, rng = np.random.default_rng(0), random.Random(0)
    one, other = MATRIX.rows([SPACE.sample(rng)]), MATRIX.rows([SPACE.sample(rng)])
    count = 400
    ours = {
        'mutated': MATRIX.mutated(np.repeat(one, count, 0), 0.2, draw),
        'crossed': MATRIX.crossed(np.repeat(one, count, 0), np.repeat(other, count, 0), 0.4, draw),
        'random': MATRIX.random(count, draw),
    }
    a, b = MATRIX.arch(one[0]), MATRIX.arch(other[0])
    theirs = {
        'mutated': MATRIX.rows(SPACE.mutate(a, rng, 0.2) for _ in range(count)),
        'crossed': MATRIX.rows(SPACE.cross(a, b, rng, 0.4) for _ in range(count)),
        'random': MATRIX.rows(SPACE.sample(rng) for _ in range(count)),
    }
    for name, rows in ours.items():
        assert (MATRIX.rows(MATRIX.arch(row) for row in rows[:50]) == rows[:50]).all()
        for value in range(-1, 3):  # each value of each gene as often, within five deviations
            found, wanted = ((r == value).mean(axis=0) for r in (rows, theirs[name]))
            assert np.abs(found - wanted).max() < 5 * np.sqrt(0.5 / count), (name, value)


def test_features_are_sums_over_names_that_differ_in_numbers() -> None:
    space = HRSpace(8, (1, 1), (1, 2), stem=8, stage1_blocks=1, stage1_channels=8)
    matrix = GeneMatrix(space)
    smallest, largest = matrix.rows([space.smallest(), space.largest()])
    features = matrix.features(np.array([smallest, largest]))
    assert (features[0] == 0.0).all()
    free = [name for name, gene in space.genes.items() if len(gene.values) > 1]
    # All genes are at their last value, 1: a group of n counts n / sqrt(n).
    sizes = np.round(features[1] ** 2).astype(int)
    assert (sizes == 1).sum() >= len(free)
    depths = sum(name.endswith('depth') for name in free)
    assert depths in sizes
    assert max(sizes) == len(free) - depths


# ---------------------------------------------------------------- what is learned


def test_the_process_is_that_of_the_library_on_all_columns() -> None:
    """Turning the features into few columns changes neither guess nor deviation."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    draw = np.random.default_rng(0)
    x = draw.normal(size=(20, 50)) / 7
    y = x[:, 0] + x[:, 1] * x[:, 2] + 0.01 * draw.normal(size=20)
    fresh = draw.normal(size=(5, 50)) / 7
    ours = Learned(x, y.tolist())
    kernel = ours._process.kernel_
    assert (kernel.theta == np.round(kernel.theta, 2)).all()
    ranks = np.argsort(np.argsort(y)) + 1
    plain = GaussianProcessRegressor(kernel, optimizer=None)
    plain.fit(x - x.mean(axis=0), norm.ppf((ranks - 0.375) / 20.25))
    mean, deviation = plain.predict(fresh - x.mean(axis=0), return_std=True)
    found, spread = ours.guess(fresh)
    assert found == pytest.approx(mean, abs=1e-5)
    assert spread == pytest.approx(np.sqrt(deviation**2 - kernel.k2.noise_level), abs=1e-5)


def test_it_learns_what_genes_do_together() -> None:
    """Of a product, of which a linear learner sees nothing."""
    draw = np.random.default_rng(2)
    x, fresh = draw.uniform(-1, 1, (60, 2)), draw.uniform(-1, 1, (40, 2))
    mean, _ = Learned(x, np.prod(x, axis=1).tolist()).guess(fresh)
    assert kendalltau(mean, np.prod(fresh, axis=1)).statistic > 0.8


def test_only_ranks_are_learned_and_guesses_have_the_unit_of_the_metric() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(30, 4))
    y = x @ [1.0, 2.0, 0.0, 0.0]
    plain, bent = Learned(x, y.tolist()), Learned(x, np.exp(3 * y).tolist())
    assert (plain.guess(x)[0] == bent.guess(x)[0]).all()
    scores = norm.ppf((np.arange(1, 31) - 0.375) / 30.25)
    assert plain.values(scores) == pytest.approx(np.sort(y))
    ends = plain.values(np.array([scores[0] - 1, scores[-1] + 1]))
    assert ends[0] < y.min()
    assert ends[1] > y.max()


def test_a_constant_metric_is_no_error() -> None:
    learned = Learned(np.eye(4), [0.5] * 4)
    assert learned.guess(np.eye(4)[:2])[0].tolist() == [0.0, 0.0]
    records = search_in_memory(predictor(), evaluate=lambda arch: {'mIoU': 0.5})
    assert len(records) == 30


def test_the_most_gain_is_that_of_the_exact_volume() -> None:
    """Of certain candidates, one after the other, in two dimensions and in three."""
    draw = np.random.default_rng(0)
    for axes in (1, 2, 3):
        known = [tuple(p) for p in 0.5 + 0.5 * draw.random((10, axes))]
        candidates = draw.random((12, axes))
        corner = tuple(np.max(known, 0) + 0.05 * (np.max(known, 0) - np.min(candidates, 0)))
        first, *_ = chosen = most_gain(known, candidates[None], 3, np.random.default_rng(1))
        assert sorted(chosen) == list(range(12))
        gains = [hypervolume([*known, tuple(c)], corner) for c in candidates]
        span = max(gains) - hypervolume(known, corner)
        assert max(gains) - gains[first] < 0.05 * span


def test_what_others_evaluate_is_gained_already() -> None:
    """The first candidate is the one that adds most to what is known and what is running."""
    draw = np.random.default_rng(0)
    changed = 0
    for _ in range(20):
        known = [tuple(p) for p in 0.5 + 0.5 * draw.random((10, 2))]
        running, candidates = draw.random((2, 2)), draw.random((12, 2))
        corner = tuple(np.max(known, 0) + 0.05 * (np.max(known, 0) - np.min(candidates, 0)))
        there = [*known, *map(tuple, running)]
        first, *_ = most_gain(
            known, candidates[None], 1, np.random.default_rng(1), running=running[None]
        )
        gains = [hypervolume([*there, tuple(c)], corner) for c in candidates]
        most = max(hypervolume([*known, tuple(c)], corner) for c in candidates)
        assert max(gains) - gains[first] < 0.05 * (most - hypervolume(known, corner))
        alone, *_ = most_gain(known, candidates[None], 1, np.random.default_rng(1))
        changed += alone != first
    assert changed >= 3


# ---------------------------------------------------------------- the search


def test_free_workers_count_what_the_others_evaluate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four on the same records; the order in which the others are named does not matter."""
    records = search_in_memory(predictor(num_total=24))

    def proposed() -> list[Arch]:
        search, found = predictor(num_total=40), list[Arch]()
        for _ in range(4):
            one, same = (
                search.propose(3, records, frozenset(taken), random.Random(len(found)))
                for taken in (found, found[::-1])
            )
            assert one == same
            assert one is not None
            found.append(one)
        return found

    counted = proposed()
    assert len({*counted, *(record.arch for record in records)}) == 24 + 4
    monkeypatch.setattr(PredictorSearch, '_running', lambda self, records: [])
    alone = proposed()
    assert alone[0] == counted[0]
    assert alone != counted


def test_every_network_is_new_and_the_number_is_exact() -> None:
    records = search_in_memory(predictor(num_total=28))
    assert [len([r for r in records if r.generation == g]) for g in range(4)] == [12, 6, 6, 4]
    assert len({record.arch for record in records}) == 28
    assert [r.arch for r in records[:2]] == [SPACE.smallest(), SPACE.largest()]


def test_the_same_seed_finds_the_same_networks_and_another_does_not() -> None:
    one, again, other = (
        [r.arch for r in search_in_memory(predictor(), seed)] for seed in (3, 3, 4)
    )
    assert one == again != other
    longer = search_in_memory(predictor(num_total=36), 3)
    assert [r.arch for r in longer[:30]] == one


def test_a_generation_needs_no_other_before_it() -> None:
    """A worker that joins late proposes what the first one proposed."""
    records = search_in_memory(predictor())
    for index in (1, 2, 3):
        before = [r for r in records if r.generation < index]
        newest = [r.arch for r in records if r.generation == index]
        assert predictor().generation(index, before, random.Random(f'0/{index}')) == newest


@pytest.mark.parametrize(
    'names',
    [('mIoU',), ('macs',), ('mIoU', 'macs'), ('mIoU', 'macs', 'params'), ('mIoU', 'aAcc', 'macs')],
)
def test_it_trades_any_number_within_the_budget(names: tuple[str, ...]) -> None:
    least, most = (COST(arch)['macs'] for arch in (SPACE.smallest(), SPACE.largest()))
    limit = 0.6 * least + 0.4 * most
    objectives = Objectives.from_dict(names)
    search = predictor(objectives=objectives, budget=Budget(macs=(None, limit)))
    records = search_in_memory(search)
    assert len(records) == len({record.arch for record in records}) == 30
    assert all(record.cost['macs'] <= limit for record in records)
    if names == ('macs',):
        best = min(COST(a)['macs'] for a in (SPACE.smallest(), SPACE.largest()))
        assert min(record.cost['macs'] for record in records) == best


def test_it_finds_more_than_chance_with_less() -> None:
    reference = (float(COST(SPACE.largest())['macs']), 20.0)

    def area(search: Any, seed: int) -> float:
        return hypervolume(OBJECTIVES.points(search_in_memory(search, seed)), reference)

    for seed in range(2):
        assert area(predictor(num_total=36), seed) > area(random_search(num_total=200), seed)


def test_a_space_that_is_used_up_ends_the_search(caplog: pytest.LogCaptureFixture) -> None:
    space = HRSpace(8, (1,), (1, 2), stem=8, stage1_blocks=1, stage1_channels=8).where(
        '*.f*', (False,)
    )
    search = PredictorSearch(space, OBJECTIVES, COST, num_initial=2, batch=4, max_tries=30)
    assert len(search_in_memory(search)) == space.size() == 4


# ---------------------------------------------------------------- what it knows of itself


def table_of(search: PredictorSearch) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(search.findings()['predictor.csv'])))


def test_tau_is_that_of_scipy_on_what_was_not_yet_seen() -> None:
    search = predictor()
    records = search_in_memory(search)
    rows = table_of(search)
    assert [row['by'] for row in rows] == ['sample', 'predictor', 'predictor', 'predictor']
    assert [int(row['networks']) for row in rows] == [12, 6, 6, 6]
    assert [row['trained on'] for row in rows] == ['0', '12', '18', '24']
    assert rows[0]['tau mIoU'] == ''
    for index in (1, 2, 3):
        before = [r for r in records if r.generation < index]
        newest = [r for r in records if r.generation == index]
        surrogate = Surrogate(MATRIX, OBJECTIVES, before)
        guessed = surrogate.scores(MATRIX.rows(r.arch for r in newest), [r.cost for r in newest])
        wanted = kendalltau(guessed['mIoU'], [r.metrics['mIoU'] for r in newest]).statistic
        assert float(rows[index]['tau mIoU']) == pytest.approx(wanted)


def test_where_it_guesses_badly_the_next_generation_does_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    search = predictor(num_total=60, min_tau=0.4)
    with caplog.at_level(logging.WARNING):
        records = search_in_memory(search, evaluate=noise)
    rows = table_of(search)
    assert len(records) == 60
    for row, following in itertools.pairwise(rows[1:]):
        trusted = float(row['tau mIoU']) >= 0.4
        assert following['by'] == ('predictor' if trusted else 'variation')
    assert [row['by'] for row in rows].count('variation') >= 4
    assert 'the next varies the front' in caplog.text


def test_it_can_be_trusted_always() -> None:
    calls: list[Arch] = []

    def turned(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        sign = 1 if len(calls) <= 12 else -1
        return {'mIoU': sign * score(arch)['mIoU']}

    search = predictor(num_total=30, min_tau=-1)
    search_in_memory(search, evaluate=turned)
    rows = table_of(search)
    assert float(rows[1]['tau mIoU']) < 0
    assert [row['by'] for row in rows] == ['sample', 'predictor', 'predictor', 'predictor']


def test_it_comes_back_when_it_guesses_well() -> None:
    """The metric is noise at first."""
    calls: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        return noise(arch) if 12 < len(calls) <= 18 else score(arch)

    search = predictor(num_total=42, min_tau=0.35)
    search_in_memory(search, 2, evaluate)
    by = [row['by'] for row in table_of(search)]
    assert by[:3] == ['sample', 'predictor', 'variation']
    assert by[3] == 'predictor'


# ---------------------------------------------------------------- studies


def test_a_resume_ends_where_one_run_ends(tmp_path: Path) -> None:
    whole = search_in_memory(predictor())

    class Stop(BaseException):
        pass

    calls: list[Arch] = []

    def stopping(arch: Arch) -> dict[str, float]:
        if len(calls) == 20:
            raise Stop
        calls.append(arch)
        return score(arch)

    where = str(tmp_path / 'study.db')
    with pytest.raises(Stop):
        run_search(predictor(), open_study(where), stopping)
    again = predictor()
    records = run_search(again, open_study(where), score)
    assert [(r.slot, r.arch, r.generation) for r in records] == [
        (r.slot, r.arch, r.generation) for r in whole
    ]
    assert table_of(again)[-1]['trained on'] == '24'


@pytest.mark.longer
def test_two_workers_share_it(tmp_path: Path) -> None:
    where, calls = str(tmp_path / 'study.db'), tmp_path / 'calls'
    open_study(where)
    start = multiprocessing.get_context('spawn')
    workers = [
        start.Process(target=worker, args=(where, str(calls), 0.05, 'predictor')) for _ in range(2)
    ]
    for process in workers:
        process.start()
    for process in workers:
        process.join(240)
    assert [process.exitcode for process in workers] == [0, 0]
    assert sorted(counted(calls)) == sorted(key(r.arch) for r in search_in_memory(predictor()))


def test_without_the_library_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split('.')[0] == 'sklearn']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'sklearn', None)
    with raises(where='search.algorithm.type', got='predictor', hint=contains('scikit-learn')):
        predictor()


@pytest.mark.parametrize(
    ('name', 'value', 'allowed'),
    [
        ('num_initial', 50, 'at most num_total, 30'),
        ('num_initial', 1, 'a whole number >= 2'),
        ('batch', 0, 'a whole number >= 1'),
        ('initial', 'half', ('uniform', 'stratified')),
        ('min_tau', 5, 'a number from -1 to 1'),
        ('min_tau', -1.1, 'a number from -1 to 1'),
        ('min_tau', True, 'a number from -1 to 1'),
    ],
)
def test_mistakes(name: str, value: object, allowed: object) -> None:
    with raises(where=f'search.algorithm.{name}', got=value, allowed=allowed):
        predictor(**{name: value})


def test_a_config_names_it() -> None:
    plan = SearchPlan.from_dict(
        {'algorithm': {'type': 'predictor', 'num_total': 50}, 'objectives': ('mIoU', 'macs')}
    )
    search = plan.build(SPACE, COST)
    assert isinstance(search, PredictorSearch)
    assert search.settings()['num_initial'] == 30
