"""Workers that never wait: whatever happens to them, every slot is evaluated, no network twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalenas.arch import Arch
from scalenas.search import (
    NSGA2,
    CandidateError,
    SearchError,
    SearchPlan,
    StudyError,
    check_proposals,
    run_search,
)
from scalenas.search import life as life_module
from scalenas.search.ledger import View
from scalenas.search.trials import Candidate, Claim, Seen
from scalenas.search.turns import FreeTurns, GenerationTurns
from scalenas.space import HRSpace
from tests.errors import raises

from .asynchronous import ALGORITHMS, FEW, assert_whole, search, studies
from .scaled import mcea
from .table import (
    COST,
    OBJECTIVES,
    SPACE,
    evolution,
    open_study,
    random_search,
    score,
    search_in_memory,
)


def claimed(turns: FreeTurns | GenerationTurns) -> Claim:
    claim = turns.claim()
    assert claim is not None
    return claim


@pytest.mark.parametrize('name', ALGORITHMS)
def test_one_worker_is_repeatable_and_begins_as_the_synchronous_search(name: str) -> None:
    algorithm = ALGORITHMS[name]()
    (one,), (other,) = studies(1), studies(1)
    records = search(one, algorithm)
    assert records == search(other, ALGORITHMS[name]())
    assert_whole(one, algorithm)
    first = [r for r in search_in_memory(ALGORITHMS[name]()) if r.generation == 0]
    assert [r for r in records if r.generation == 0] == first
    assert records[len(first) :] == [] or records[-1].generation >= 1
    assert search(one, ALGORITHMS[name](), seed=0) == records  # nothing is left to do


def test_of_two_that_propose_one_network_the_second_proposes_again() -> None:
    """For different slots, so that nothing but the network is claimed twice."""
    one, other = studies(2)
    archs = [record.arch for record in search_in_memory(random_search(num_total=3))]
    other._ledger.free = lambda total, most: [2]  # type: ignore[method-assign]
    asked: list[int] = []
    claims: list[Claim | None] = []

    def propose(slot: int, view: View, last: Candidate | None) -> Candidate:
        arch = next(arch for arch in archs if arch not in view.others)
        asked.append(slot)
        if len(asked) == 1:
            claims.append(other.claim_free(3, propose))
        return Candidate(slot, arch, COST(arch), 1, Seen(slot, view.trials, view.running))

    claims.append(one.claim_free(3, propose))
    found = [claim.candidate for claim in claims if claim is not None]
    assert [(c.slot, c.arch) for c in found[:1]] == [(2, archs[0])]
    assert found[1].arch == archs[1]
    assert asked[:2] == [0, 2]
    assert [row.state.name for row in one.claims()] == ['RUNNING', 'FAIL', 'RUNNING']


def test_a_slow_worker_holds_nobody_up() -> None:
    slow, fast = studies(2)
    held = claimed(FreeTurns(evolution(**FEW), slow, 0))
    assert held.candidate.slot == 0
    turns = FreeTurns(evolution(**FEW), fast, 0)
    while claim := turns.claim():
        fast.complete(claim, score(claim.candidate.arch))
    assert not turns.finished
    assert [record.slot for record in fast.records()] == list(range(1, 16))
    assert turns.running == [(0, str(slow.worker))]
    slow.complete(held, score(held.candidate.arch))
    assert turns.claim() is None
    assert turns.finished
    assert_whole(fast, evolution(**FEW))
    seen = {row.slot: row.seen for row in fast.claims()}
    # Of trial 15 all was known but what the slow worker evaluated, which is trial 0.
    assert seen[15] == (15, 15, (0,))


def test_what_a_dead_worker_had_is_evaluated_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    dead, other = studies(2)
    turns = FreeTurns(evolution(**FEW), dead, 0)
    for _ in range(9):
        claim = claimed(turns)
        dead.complete(claim, score(claim.candidate.arch))
    lost = claimed(turns)
    assert lost.candidate.generation == 2
    turns = FreeTurns(evolution(**FEW), other, 0)
    monkeypatch.setattr(life_module, 'is_alive', lambda known: known == dead.worker)
    following = claimed(turns)
    assert following.candidate.slot == 10
    monkeypatch.setattr(life_module, 'is_alive', lambda known: known != dead.worker)
    taken = claimed(turns)
    assert taken.candidate == lost.candidate
    dead.complete(lost, score(lost.candidate.arch))  # it was only asleep: dropped
    other.complete(following, score(following.candidate.arch))
    other.complete(taken, score(taken.candidate.arch))
    search(other)
    assert_whole(other, evolution(**FEW))


@pytest.mark.parametrize('name', ['study.db', 'study.journal'])
@pytest.mark.longer
def test_a_search_that_was_stopped_goes_on_to_the_same_records(name: str, tmp_path: Path) -> None:
    (whole,) = studies(1)
    expected = search(whole)
    calls: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        if len(calls) in (4, 11):
            raise KeyboardInterrupt
        return score(arch)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_search(evolution(**FEW), open_study(str(tmp_path / name)), evaluate, mode='async')
    study = open_study(str(tmp_path / name))
    assert run_search(evolution(**FEW), study, evaluate, mode='async') == expected
    assert len(calls) == 16 + 2
    assert_whole(study, evolution(**FEW))


def test_a_network_that_fails_is_tried_twice_and_stays_open() -> None:
    (study,) = studies(1)
    bad = search_in_memory(evolution(**FEW))[2].arch
    calls: list[Arch] = []

    def evaluate(arch: Arch) -> dict[str, float]:
        calls.append(arch)
        if arch == bad:
            raise RuntimeError('out of memory')
        return score(arch)

    with raises(CandidateError, where=lambda where: where.startswith('slot 2 (')):
        run_search(evolution(**FEW), study, evaluate, mode='async')
    assert calls.count(bad) == 2
    assert search(study)[2].arch == bad
    assert_whole(study, evolution(**FEW))


def test_a_space_that_is_used_up_ends_the_search() -> None:
    space = HRSpace(
        width=8, num_modules=(1, 1, 1), depth=(1,), stem=16, stage1_blocks=1, stage1_channels=8
    )
    for name in [name for name in space.genes if '.f' in name][3:]:
        space = space.where(name, [False])
    algorithm = NSGA2(space, OBJECTIVES, COST, population=3, num_total=20, max_tries=200)
    (study,) = studies(1)
    records = search(study, algorithm)
    assert len(records) == 8
    assert len({record.arch for record in records}) == 8
    assert search(study, algorithm) == records


def test_the_modes_do_not_mix(tmp_path: Path) -> None:
    for made, other in (('sync', 'async'), ('async', 'sync')):
        (study,) = studies(1)
        run_search(evolution(**FEW), study, score, mode=made)  # type: ignore[arg-type]
        before = study.records()
        with raises(StudyError, got=other, allowed=(made,)):
            run_search(evolution(**FEW), study, score, mode=other)  # type: ignore[arg-type]
        assert study.records() == before
    where = str(tmp_path / 'study.journal')
    search(open_study(where, mode='async'))
    with raises(StudyError, got='sync', allowed=('async',)):
        open_study(where)
    where = str(tmp_path / 'other.journal')
    run_search(evolution(**FEW), open_study(where), score)
    with raises(StudyError, got='async', allowed=('sync',)):
        open_study(where, mode='async')


def test_a_config_asks_for_a_mode(tmp_path: Path) -> None:
    """One that asks for none has the settings that it had before there were modes."""
    table = {'algorithm': {'type': 'random', 'num_total': 4}, 'objectives': ('mIoU', 'macs')}
    (tmp_path / 'x.pth').write_bytes(b'weights')
    plans = [SearchPlan.from_dict({**table, **more}) for more in ({}, {'mode': 'async'})]
    plans += [plans[0].with_(mode='async'), plans[1].with_()]
    assert [plan.mode for plan in plans] == ['sync', 'async', 'async', 'async']
    settings = [
        plan.settings(plan.build(SPACE, COST), tmp_path / 'x.pth', {'search': table})
        for plan in plans
    ]
    assert 'mode' not in settings[0]
    assert settings[1:] == [{**settings[0], 'mode': 'async'}] * 3
    with raises(where='search.mode', got='free', allowed=('sync', 'async')):
        SearchPlan.from_dict({**table, 'mode': 'free'})


def test_an_algorithm_of_whole_steps_says_so() -> None:
    (study,) = studies(1)
    with raises(SearchError, where='search.mode', got='async'):
        search(study, mcea())
    assert study.claims() == []


def test_a_worker_of_a_synchronous_search_joins_the_generation_that_another_began() -> None:
    one, other = studies(2)
    turns = [GenerationTurns(evolution(**FEW), study, 0) for study in (one, other)]
    for _ in range(6):
        claim = claimed(turns[0])
        one.complete(claim, score(claim.candidate.arch))
    assert claimed(turns[0]).candidate.slot == 6
    assert claimed(turns[1]).candidate.slot == 7
    assert claimed(turns[1]).candidate.slot == 8
    assert turns[1].claim() is None
    assert turns[1].running == [(6, str(one.worker))]
    assert not turns[1].finished


def test_reports_are_written_once_a_generation() -> None:
    (study,) = studies(1)
    seen: list[int] = []
    search(study, after=lambda records: seen.append(len(records)))
    assert seen == [6, 9, 12, 15, 16]


def test_a_proposal_that_was_changed_is_found() -> None:
    (study,) = studies(1)
    search(study)
    assert check_proposals(evolution(**FEW), study, 0) == 16
    with raises(StudyError, where=lambda where: where.endswith('trial 0')):
        check_proposals(evolution(**FEW), study, 1)
