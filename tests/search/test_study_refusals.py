"""Studies and storages that a search leaves alone, each told in one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scalenas.search import (
    CandidateError,
    Objectives,
    Record,
    SearchStudy,
    StudyError,
    run_search,
)
from tests.errors import contains, raises

from .table import (
    evolution,
    open_study,
    random_search,
    score,
    search_in_memory,
)

ROOT = Path(__file__).resolve().parents[2]
STORAGES = ['study.db', 'study.journal']
NAME = 'objectives[0].name'


@pytest.fixture(scope='module')
def expected() -> list[Record]:
    return search_in_memory(evolution())


@pytest.mark.longer
def test_a_study_of_another_search_is_left_alone(tmp_path: Path, expected: list[Record]) -> None:
    where = str(tmp_path / 'study.db')
    run_search(evolution(), open_study(where), score)
    with raises(StudyError, problem=contains('seed'), got=7, allowed=(0,)):
        open_study(where, seed=7)
    with raises(StudyError, problem=contains(NAME), got='AP', allowed=('mIoU',)):
        SearchStudy.open(where, 'test', Objectives.from_dict(('AP', 'macs')), {'seed': 0})
    with raises(StudyError, problem=contains('slot 0', 'another network')):
        run_search(evolution(), open_study(where), score, seed=3)
    assert SearchStudy.read(where).records() == expected


@pytest.mark.parametrize('name', STORAGES)
def test_a_damaged_file_is_one_line_and_stays(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b'this is not a study\n' * 100)
    with raises(StudyError, where=f'storage {path}'):
        open_study(str(path))
    assert path.read_bytes() == b'this is not a study\n' * 100


def test_storages_that_are_none(tmp_path: Path) -> None:
    for name, fields in (
        ('study.txt', {'allowed': contains('.db', '.journal', 'postgresql://')}),
        ('none.db', {'problem': 'no such file'}),
    ):
        with raises(StudyError, where=f'storage {tmp_path / name}', **fields):
            SearchStudy.read(str(tmp_path / name))
    with raises(StudyError, names=('***',)) as error:
        open_study('postgresql+nodriver://me:secret@localhost:1/x')
    assert 'secret' not in str(error.value)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('x')
    for where in (tmp_path / 'file/study.db', Path('/proc/zz/study.db')):
        with raises(where=where.parent, problem=contains('cannot be')):
            open_study(str(where))


def test_a_storage_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    where = tmp_path / 'study.db'
    open_study(str(where))
    with raises(StudyError, problem=contains('cannot be written', 'readonly'), hint='name another'):
        open_study(f'sqlite:///file:{where}?mode=ro&uri=true')


def test_any_folder_may_hold_a_study(tmp_path: Path) -> None:
    where = tmp_path / 'a {b} c' / 'study.db'
    open_study(str(where))
    assert where.is_file()
    assert SearchStudy.names(str(where)) == ['test']


@pytest.mark.longer
def test_settings_may_change_while_nothing_has_a_result(tmp_path: Path) -> None:
    """A metric that does not exist must not cost the study its name."""
    where = str(tmp_path / 'study.db')
    typo = SearchStudy.open(where, 'test', Objectives.from_dict(('mIuO', 'macs')), {'seed': 0})
    with raises(StudyError, problem=contains(NAME), got='mIoU', allowed=('mIuO',)):
        open_study(where)  # nothing was tried yet: a worker may just have begun
    with raises(CandidateError, where='search.objectives', got='mIuO'):
        run_search(random_search(num_total=2), typo, score)
    with raises(StudyError, problem=contains('objectives[0].direction'), got='min'):
        SearchStudy.open(
            where, 'test', Objectives.from_dict((('mIuO', 'min'), 'macs')), {'seed': 0}
        )
    assert len(run_search(random_search(num_total=2), open_study(where), score)) == 2
    with raises(StudyError, problem=contains(NAME), got='aAcc', allowed=('mIoU',)):
        SearchStudy.open(where, 'test', Objectives.from_dict(('aAcc', 'macs')), {'seed': 0})


def test_a_foreign_study_is_not_touched(tmp_path: Path) -> None:
    import optuna

    url = f'sqlite:///{tmp_path / "study.db"}'
    foreign = optuna.create_study(study_name='test', storage=url)
    foreign.optimize(lambda trial: trial.suggest_float('x', 0, 1), n_trials=2)
    where = contains(tmp_path / 'study.db')
    with raises(StudyError, where=where, hint=contains('another study name')):
        open_study(str(tmp_path / 'study.db'))
    assert foreign.user_attrs == {}


def test_a_worker_elsewhere_is_dead_when_its_pulse_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scalenas.search import life as module
    from scalenas.search.study import Candidate

    where = str(tmp_path / 'study.journal')
    arch = evolution().space.smallest()
    candidates = [Candidate(0, arch, evolution().cost(arch), 0)]
    far, near = open_study(where), open_study(where)
    object.__setattr__(far.worker, 'machine', 'elsewhere')
    clock = [0.0]
    monkeypatch.setattr(module, 'HEARTBEAT_SECONDS', 0.01)
    claim = far.claim(candidates)
    assert claim is not None
    monkeypatch.setattr(module.time, 'monotonic', lambda: clock[0])
    assert near.claim(candidates) is None
    clock[0] += 80
    with far.heartbeat(claim):
        time.sleep(0.3)
    assert near.claim(candidates) is None
    clock[0] += 80
    assert near.claim(candidates) is None
    clock[0] += 80
    assert near.claim(candidates) is not None
    far.complete(claim, {'mIoU': 1.0})  # too late: dropped, with a warning
    assert near.records() == []


def test_objective_names_what_is_wrong() -> None:
    with raises(where='search.objectives[0][1]', got='up', allowed=('max', 'min')):
        Objectives.from_dict((('mIoU', 'up'), 'macs'))
