"""The study of inner widths: both sides alike but for them, fair choices, right volumes."""

from __future__ import annotations

import csv
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scalenas.search import SearchPlan

ROOT = Path(__file__).parents[2]
MODULES = ('inner_widths', 'searched_against_scaled', 'hr_scenes', 'scenes_training')


@pytest.fixture(scope='module')
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'benchmarks'))
        import inner_widths

        yield inner_widths
        for name in MODULES:
            sys.modules.pop(name, None)


def fronts(study):
    """Two fronts whose common MACs are 2 to 6."""
    return {
        'without': [
            study.Point(0, 2, 30, 40),
            study.Point(3, 4, 32, 46),
            study.Point(4, 8, 35, 44),
        ],
        'with': [study.Point(2, 1, 20, 30), study.Point(5, 3, 34, 48), study.Point(9, 6, 36, 50)],
    }


def test_both_sides_differ_in_inner_widths_alone(study):
    without, inner = study.space('without'), study.space('with')
    assert not without.has_inner
    assert inner.where('*.inner', (1.0,)).size() == without.size() == 4096
    assert inner.largest() == without.largest()  # so both have one teacher
    free = [name for name, gene in inner.genes.items() if len(gene.values) > 1]
    assert [name for name in free if name.endswith('.inner')] == [
        *(f's2.m0.b{i}.inner' for i in range(2)),
        *(f's3.m{m}.b{i}.inner' for m in range(2) for i in range(3)),
    ]
    for file in (study.TEACHER, study.SUPERNET, study.SEARCH):
        one, other = (study.config(file, variant) for variant in study.SHARES)
        space = one.model.architecture.backbone.space.pop('inner_widths')
        assert [space, other.model.architecture.backbone.space.pop('inner_widths')] == [
            [1.0],
            [0.5, 1.0],
        ]
        assert one.to_dict() == other.to_dict()


def test_a_choice_is_the_most_expensive_network_that_fits(study):
    one, other = fronts(study).values()
    assert [study.within(one, macs).slot for macs in (2, 3.9, 4, 7, 9)] == [0, 0, 3, 3, 4]
    assert study.common([one, other]) == (2, 6)
    # 40 from 2 to 4, then 46; of the other 30 up to 3, then 48.
    assert study.chosen(one, 2, 6) == pytest.approx((40 * 2 + 46 * 2) / 4)
    assert study.chosen(other, 2, 6) == pytest.approx((30 + 48 * 3) / 4)
    # The validation split has no say: a worse score there is not exchanged for an earlier one.
    assert study.chosen(one, 4, 9) == pytest.approx((46 * 4 + 44) / 5)
    assert study.dominated(one, 'validation', 4, 9) == pytest.approx(46)
    with pytest.raises(SystemExit):
        study.common([one[:1], other])


points = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(rows=points, low=st.integers(0, 40), width=st.integers(1, 10))
def test_a_volume_is_the_mean_of_the_best_within_each_number_of_macs(study, rows, low, width):
    front = [study.Point(i, macs, 0.0, score) for i, (macs, score) in enumerate(rows)]
    front.append(study.Point(99, low, 0.0, 1.0))
    high = low + width
    steps = low + (np.arange(width * 10) + 0.5) / 10
    best = [max(p.validation for p in front if p.macs <= macs) for macs in steps]
    assert study.dominated(front, 'validation', low, high) == pytest.approx(np.mean(best))


def test_the_report_has_seeds_as_what_repeats(study):
    shift = {0: 1.0, 1: 2.0, 2: 4.5}
    given = {
        seed: {
            v: [p._replace(validation=p.validation + more * (v == 'with')) for p in front]
            for v, front in fronts(study).items()
        }
        for seed, more in shift.items()
    }
    pairs = [
        {'seed': seed, 'most': 4.0, 'points': {v: f[1] for v, f in given[seed].items()}}
        | {'scores': {'without': 30.0, 'with': 30.0 + gain}}
        for seed, gain in ((0, 1.0), (0, 3.0), (1, -1.0))
    ]
    text, found = study.report(given, pairs)
    row = found['compared']['chosen by search, validation split']
    assert row['difference'] == pytest.approx([(30 + 48 * 3) / 4 - 43 + s for s in shift.values()])
    mean, error = statistics.mean(row['difference']), stats.sem(row['difference'])
    low, high = stats.t.interval(0.95, 2, mean, error)
    assert f'{mean:+.2f} [{low:+.2f}, {high:+.2f}]' in text
    assert found['alone, difference by seed'] == [2.0, -1.0]
    same = found['compared']['the same at 50% of the common MACs']
    assert (same['without'], same['with']) == ([46] * 3, [49, 50, 52.5])
    assert found['fronts'][0]['with'][0]['macs'] == 1


@pytest.fixture(scope='module')
def plan():
    pytest.importorskip('sklearn')
    algorithm = {'type': 'predictor', 'num_total': 24, 'num_initial': 16, 'batch': 8}
    return SearchPlan.from_dict(
        {'algorithm': algorithm, 'objectives': (('mIoU', 'max'), ('macs', 'min'))}
    )


def test_a_search_goes_on_and_is_not_made_again(study, plan, tmp_path):
    count, seen = study.counter(), []

    def evaluator(most):
        def evaluate(arch):
            if len(seen) >= most:
                raise KeyboardInterrupt
            seen.append(arch)
            return {'mIoU': count(arch)['params'] ** 0.5}

        return lambda: evaluate

    arguments = (str(tmp_path / 'search.db'), 'with', 1, plan, {'checkpoint': 'x'})
    with pytest.raises(KeyboardInterrupt):
        study.searched(*arguments, evaluator(18))
    records = study.searched(*arguments, evaluator(24))
    assert [record.arch for record in records] == seen
    assert len(set(seen)) == 24
    assert any(module.inner for arch in seen for module in arch.modules)
    assert study.searched(*arguments, None) == records


def test_pairs_are_trained_once_and_at_equal_macs(study, tmp_path, monkeypatch):
    rows = {
        variant: [(point, study.space(variant).largest()) for point in front]
        for variant, front in fronts(study).items()
    }
    trained = []

    class Trained:
        def __init__(self, cfg, seed):
            trained.append(seed)

        def run(self, images):
            return None

    class Split:
        pixels = labels = None

        @classmethod
        def read(cls, root, split):
            return cls()

        def prepared(self, model):
            return self

    monkeypatch.setattr(study, 'Training', Trained)
    monkeypatch.setattr(study, 'Images', Split)
    monkeypatch.setattr(study, 'mean_iou', lambda *_: 30.0 + len(trained))
    file = tmp_path / 'alone.csv'
    found = study.alone(file, rows, 7, pairs=3)
    # At 3, 4 and 5: the first has the cheapest without, the others one pair of networks.
    slots = [tuple(row['points'][v].slot for v in study.SHARES) for row in found]
    assert slots == [(0, 5), (3, 5), (3, 5)]
    assert all(p.macs <= row['most'] for row in found for p in row['points'].values())
    assert trained == [7] * 3
    assert study.alone(file, rows, 7, pairs=3) == found
    assert trained == [7] * 3
    with file.open() as text:
        assert [row['slot'] for row in csv.DictReader(text)] == ['0', '5', '3']
