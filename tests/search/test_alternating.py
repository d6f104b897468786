"""MCEA on a table evaluation: what it asks, what it finds, and that a killed run ends the same."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scalenas.arch import Arch, MBConvArch, load_file
from scalenas.complexity import Budget, Counter
from scalenas.errors import UserError
from scalenas.scaling import SearchedScalings, scale
from scalenas.search import (
    AlternatingSearch,
    Objective,
    SearchError,
    SearchStudy,
    StageBudgets,
    run_search,
    write_findings,
)
from scalenas.space import (
    AbstractSpace,
    HRSpace,
    MBConvSpace,
    ScaledSpace,
    ScalingStage,
    StageChoices,
    base_macs,
    mean_macs,
)
from scalenas.visualization.draw_iterations import draw_iterations

from .table import counted, key, search_in_memory

COST = Counter()
OBJECTIVE = Objective('accuracy')
BUDGETS = StageBudgets(base_macs=0.2e6, growth=2.0, tolerance=0.25)


def stage_of(j: int) -> ScalingStage:
    """2 x 2 x 3 scalings."""
    depth, width, resolution = (1.0, 1.3), (1.0, 1.2), (1.0, 1.15, 1.3)
    powers = (tuple(v**j for v in values) for values in (depth, width, resolution))
    return ScalingStage(*powers)


BASE = MBConvSpace(
    [
        StageChoices((8,), (1, 2), kernel=(3, 5), expand=(1, 3), stride=2),
        StageChoices((16,), (1, 2, 3), kernel=(3, 5), expand=(3, 6), stride=2),
    ],
    resolution=(32,),
    stem=(8,),
    conv_out=(64,),
)
SPACE = ScaledSpace(BASE, [ScalingStage(), stage_of(1), stage_of(2)])


def score(arch: Arch) -> dict[str, float]:
    """Likes large kernels, late width and, most, resolution; within a budget these compete."""
    assert isinstance(arch, MBConvArch)
    kernels = [block.kernel for stage in arch.stages for block in stage.blocks]
    return {
        'accuracy': sum(kernels) / len(kernels)
        + 0.05 * arch.stages[-1].width
        + 0.08 * arch.resolution
        + 0.1 * len(kernels)
    }


def mcea(**changes: object) -> AlternatingSearch:
    """A small one."""
    arguments = {
        'base_macs': BUDGETS.base_macs,
        'tolerance': BUDGETS.tolerance,
        'num_stages': 2,
        'num_bases': 4,
        'iterations': 3,
        'population': 6,
        'generations': 4,
        'objective': OBJECTIVE,
        **changes,
    }
    return AlternatingSearch(SPACE, cost=COST, **arguments)  # type: ignore[arg-type]


def test_it_asks_for_networks_within_their_stage_budgets_once_each() -> None:
    search = mcea()
    records = search_in_memory(search, evaluate=score)
    assert len({r.arch for r in records}) == len(records) > 40
    first = sum(r.generation == 0 for r in records)
    for record in records[first:]:
        assert any(BUDGETS.meets(record.cost.macs, stage) for stage in (1, 2)), record.cost
    for iteration in search.history:
        assert BUDGETS.meets(COST(iteration.best.base).macs, 0)


def test_the_chain_alternates_and_its_best_never_gets_worse_under_its_own_scalings() -> None:
    search = mcea()
    search_in_memory(search, evaluate=score)
    assert [iteration.index for iteration in search.history] == [0, 1, 2, 3]
    fitness = [iteration.fitness for iteration in search.history[1:]]
    # The start of a population is the last base, so only a base that no longer fits is lost.
    assert fitness == sorted(fitness)
    assert all(len(i.mean) == len(i.std) == 2 for i in search.history)


def test_it_finds_the_best_scaling_of_its_base_exactly() -> None:
    search = mcea()
    search_in_memory(search, evaluate=score)
    best = search.history[-1].best
    for stage, chosen in enumerate(best.scalings, 1):
        feasible = [
            s
            for s in SPACE.strategies(stage)
            if BUDGETS.meets(COST(SPACE.grown(best.base, s)).macs, stage)  # type: ignore[arg-type]
        ]
        values = [score(SPACE.grown(best.base, s))['accuracy'] for s in feasible]  # type: ignore[arg-type]
        assert len(feasible) > 1
        assert score(SPACE.grown(best.base, chosen))['accuracy'] == max(values)  # type: ignore[arg-type]


def test_a_weight_of_nothing_ignores_its_stage() -> None:
    search = mcea(weights=(0.0, 2.0))
    search_in_memory(search, evaluate=score)
    last = search.history[-1]
    assert last.fitness == score(SPACE.grown(last.best.base, last.best.scalings[1]))['accuracy']  # type: ignore[arg-type]


def test_controls_joint_and_fixed() -> None:
    fixed = [{'depth': 1.3, 'width': 1.2, 'resolution': 1.15}] * 2
    alone = mcea(
        mode='fixed',
        scalings=[fixed[0], {'depth': 1.3, 'width': 1.2, 'resolution': 1.3}],
        tolerance=0.6,
    )
    search_in_memory(alone, evaluate=score)
    assert {i.best.scalings for i in alone.history} == {alone.fixed}
    joint = mcea(mode='joint')
    search_in_memory(joint, evaluate=score)
    assert len(joint.history) == 1
    assert len(joint.history[0].best.scalings) == 2


def test_num_total_stops_it_and_more_continues() -> None:
    short = search_in_memory(mcea(num_total=50), evaluate=score)
    whole = search_in_memory(mcea(), evaluate=score)
    assert len(short) == 50
    assert [r.arch for r in whole[:50]] == [r.arch for r in short]


def test_the_last_iteration_counts_when_the_evaluations_just_suffice() -> None:
    whole = mcea()
    num = len(search_in_memory(whole, evaluate=score))
    just = mcea(num_total=num)
    assert len(search_in_memory(just, evaluate=score)) == num
    assert just.history == whole.history
    short = mcea(num_total=num - 1)
    assert len(search_in_memory(short, evaluate=score)) == num - 1
    assert short.history == whole.history[: len(short.history)] != whole.history


def test_where_less_is_better_the_same_is_found_and_told_as_it_is() -> None:
    search, turned = mcea(), mcea(objective=Objective('error', 'minimize'))
    search_in_memory(search, evaluate=score)
    search_in_memory(turned, evaluate=lambda arch: {'error': 50.0 - score(arch)['accuracy']})
    assert [i.best for i in turned.history] == [i.best for i in search.history]
    for one, other in zip(turned.history, search.history, strict=True):
        assert one.fitness == pytest.approx(50.0 - other.fitness)
        assert one.mean == pytest.approx([50.0 - value for value in other.mean])
    assert turned.best is not None
    assert search.best is not None
    assert turned.best.best == search.best.best
    found, expected = turned.findings(), search.findings()
    assert found['scalings.yaml'] == expected['scalings.yaml']


def test_a_run_killed_in_the_middle_ends_with_the_same_result(tmp_path: Path) -> None:
    undisturbed = search_in_memory(mcea(), evaluate=score)
    # After the first grid, in the search for a base.
    enough = sum(record.generation == 0 for record in undisturbed) + 8
    calls, where = tmp_path / 'calls', f'sqlite:///{tmp_path / "study.db"}'
    process = _begun(where, calls)
    deadline = time.monotonic() + 120
    while len(counted(calls)) < enough and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(counted(calls))
    assert enough <= done < len(undisturbed)
    search = mcea()
    records = run_search(search, _study(where), score)
    assert [key(r.arch) for r in records] == [key(r.arch) for r in undisturbed]
    straight = mcea()
    search_in_memory(straight, evaluate=score)
    assert search.history == straight.history


def test_two_workers_share_the_networks_and_end_alike(tmp_path: Path) -> None:
    calls, where = tmp_path / 'calls', f'sqlite:///{tmp_path / "study.db"}'
    process, mine = _begun(where, calls), []

    def slow(arch: Arch) -> dict[str, float]:
        time.sleep(0.02)
        mine.append(key(arch))
        return score(arch)

    deadline = time.monotonic() + 120
    while not counted(calls) and time.monotonic() < deadline:
        time.sleep(0.02)
    search, straight = mcea(), mcea()
    run_search(search, _study(where), slow, poll_seconds=0.05)
    assert process.wait(timeout=120) == 0
    undisturbed = search_in_memory(straight, evaluate=score)
    assert search.history == straight.history
    assert mine
    assert sorted([*mine, *counted(calls)]) == sorted(key(r.arch) for r in undisturbed)


def test_findings_are_files_that_others_read(tmp_path: Path) -> None:
    search = mcea()
    assert search.findings() == {}
    search_in_memory(search, evaluate=score)
    write_findings(search.findings(), tmp_path)
    assert search.best is not None
    best = search.best.best
    assert load_file(tmp_path / 'stages/s0.yaml') == best.base
    searched = SearchedScalings.read(tmp_path / 'scalings.yaml')
    for stage in (1, 2):
        grown = scale(best.base, searched(stage), searched.rule).arch  # type: ignore[type-var]
        assert load_file(tmp_path / f'stages/s{stage}.yaml') == grown
    rows = list(csv.DictReader((tmp_path / 'iterations.csv').read_text().splitlines()))
    assert [float(row['fitness']) for row in rows] == [step.fitness for step in search.history]
    draw_iterations(tmp_path / 'iterations.png', search.history, 'accuracy')
    assert (tmp_path / 'iterations.png').stat().st_size > 10_000


def test_what_it_finds_is_within_every_budget() -> None:
    """Also where the first grid, which only asks for a mean of the bases, saw better networks."""
    outside = 0
    for seed in range(6):
        search = mcea(tolerance=0.15, num_bases=8, iterations=1, population=2, generations=1)
        search_in_memory(search, evaluate=lambda arch: {'accuracy': COST(arch).macs}, seed=seed)
        first = search.history[0]
        assert search.best is not None
        outside += not search.breeder.within(first.best) and first.fitness > search.best.fitness
        archs = [search.best.best.base, *search.breeder.grown(search.best.best)]
        budgets = StageBudgets(BUDGETS.base_macs, 2.0, 0.15)
        assert all(budgets.meets(COST(arch).macs, stage) for stage, arch in enumerate(archs))
    assert outside
    search.history[1:] = []
    search.history[0] = replace(first, best=replace(first.best, base=BASE.largest()))
    assert list(search.findings()) == ['iterations.csv']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'base_macs': 5e8}, 'no base network was found that has 500.0M macs'),
        ({'growth': 50.0}, 'no scaling of stage 1 has 10.0M macs within tolerance 25%, the near'),
        ({'weights': (1.0,)}, 'weights: expected 2 numbers >= 0'),
        ({'weights': 1.0}, 'weights: expected a list of numbers, got 1.0'),
        ({'weights': ('much', 1.0)}, 'weights: expected 2 numbers >= 0'),
        ({'weights': (float('nan'), 1.0)}, 'weights: expected 2 numbers >= 0'),
        ({'mode': 'fixed'}, "mode 'fixed' needs 2, one a stage, got 0"),
        ({'mode': 'markov'}, 'mode: expected one of alternating, joint, fixed'),
        ({'mode': 'fixed', 'scalings': [{'deep': 2}] * 2}, 'scalings.0.: unknown key .deep.'),
        ({'mode': 'fixed', 'scalings': 2}, 'scalings: expected a list of scalings, one a stage'),
        (
            {'mode': 'fixed', 'scalings': [{}, {'depth': 1.2, 'width': 1.1, 'resolution': 1.15}]},
            'scalings.1.: .* is a scaling of no stage of the space',
        ),
        ({'scalings': [{}, {}]}, "only mode 'fixed' reads it, not 'alternating'"),
    ],
)
def test_mistakes(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        mcea(**arguments).generation(0, [], random.Random(0))
    assert issubclass(SearchError, UserError)


def test_the_budget_of_the_base_by_monte_carlo() -> None:
    search = mcea(base_macs='auto', base_samples=500, base_step=50_000, num_stages=None)
    expected = base_macs(mean_macs(BASE, COST, 500), 50_000)
    assert search.breeder.budgets.base_macs == expected
    assert search.num_stages == 2
    # In the study stands the number, so that it is the study of that number, too.
    assert search.settings() == mcea(base_macs=float(expected)).settings()


def test_a_scaled_space_of_another_family() -> None:
    base = HRSpace(8, (1, 1, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8)
    space = ScaledSpace(
        base, [ScalingStage(), ScalingStage(depth=(1.2, 1.4), width=(1.2, 1.4, 1.6))]
    )
    search = AlternatingSearch(
        space,
        Objective('mIoU'),
        Counter((64, 64)),
        tolerance=0.3,
        base_samples=50,
        base_step=1_000_000,
        num_bases=3,
        iterations=2,
        population=4,
        generations=2,
    )
    records = search_in_memory(search, evaluate=lambda arch: {'mIoU': float(arch.num_blocks)})
    assert len(search.history) == 3
    assert all(record.arch in space for record in records)
    assert 'stages/s1.yaml' in search.findings()


@pytest.mark.parametrize(
    ('space', 'arguments', 'message'),
    [
        (BASE, {}, "needs a scaled space .family='scaled'., got MBConvSpace"),
        (SPACE, {'num_stages': 3}, 'num_stages: 3 needs stages 1 to 3, and the space has no stage'),
        (SPACE.restricted([['scale.stage', [0, 2]]]), {}, 'has no stage 1, only 0, 2'),
        (ScaledSpace(BASE, [ScalingStage()]), {}, 'the space has only stage 0'),
        (SPACE, {'base_macs': 'large'}, "base_macs: expected 'auto' or a number, got 'large'"),
        (SPACE, {'base_macs': 'auto', 'base_samples': 9}, 'nearer to 0 than to a multiple of 50,0'),
        (SPACE, {'budget': Budget(max_macs=1e9)}, 'whose stages have budgets of their own'),
    ],
)
def test_spaces_and_budgets_that_make_no_search(
    space: AbstractSpace[Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        AlternatingSearch(space, OBJECTIVE, COST, **arguments)


def _study(where: str) -> SearchStudy:
    return SearchStudy.open(where, 'mcea', OBJECTIVE, {'seed': 0})


def _begun(where: str, calls: Path) -> subprocess.Popen[bytes]:
    """Another process that works on the study."""
    command = [sys.executable, '-m', 'tests.search.test_alternating', where, str(calls), '0.02']
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(command, cwd=root, env={**os.environ, 'PYTHONPATH': str(root)})


def _worker(where: str, calls: str, seconds: float) -> None:
    def slow(arch: Arch) -> dict[str, float]:
        time.sleep(seconds)
        with open(calls, 'a') as file:
            file.write(f'{key(arch)} {os.getpid()}\n')
        return score(arch)

    run_search(mcea(), _study(where), slow, poll_seconds=0.05)


if __name__ == '__main__':
    _worker(sys.argv[1], sys.argv[2], float(sys.argv[3]))
