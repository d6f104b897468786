"""What a search leaves behind: its image shows the cost that was searched for."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest

from scalenas.search import (
    Objectives,
    Places,
    RandomSearch,
    SearchError,
    SearchStudy,
    StudyError,
    run_search,
)
from scalenas.visualization import search_report
from scalenas.visualization.search_report import SearchReport
from tests.errors import contains, raises

from ..search.table import COST, SPACE, score


@pytest.mark.parametrize('cost', ['macs', 'params', 'acts'])
def test_the_study_and_the_picture_hold_the_cost_that_is_traded(
    cost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objectives = Objectives.from_dict(('mIoU', cost))
    where = str(tmp_path / 'study.db')
    study = SearchStudy.open(where, 'a', objectives, {'checkpoint': 'f00'})
    search = RandomSearch(SPACE, objectives, COST, num_total=3)
    records = run_search(search, study, score)
    expected = [record.cost[cost] for record in records]
    assert len({*expected}) > 1

    stored = optuna.load_study(study_name='a', storage=f'sqlite:///{where}')
    assert [trial.values[1] for trial in stored.trials] == expected

    drawn = []
    monkeypatch.setattr(
        search_report, 'draw_front', lambda _, found, *__, **named: drawn.append((found, named))
    )
    SearchReport(Places(where, 'a', tmp_path, 'none'), objectives)(records)
    ((found, named),) = drawn
    assert [point[0] for point in found] == expected
    assert named['column'] == cost
    card = json.loads((tmp_path / 'study.json').read_text())
    assert card['checkpoint_sha256'] == 'f00'
    assert card['objectives'] == objectives.to_list()


def searched(where: str, name: str, **settings: object) -> SearchStudy:
    """A study with records."""
    given = {'space': 1, 'checkpoint': 'f00', 'seed': 0, 'algorithm': name, **settings}
    study = SearchStudy.open(where, name, AIM, given)
    run_search(RandomSearch(SPACE, AIM, COST, num_total=2), study, score)
    return study


AIM = Objectives.from_dict(('mIoU', 'macs'))


@pytest.mark.parametrize(
    ('changes', 'apart'),
    [
        ({}, ''),
        ({'seed': 1}, ''),
        ({'checkpoint': 'bar'}, 'checkpoint is bar there and f00 here'),
        ({'columns': {'b': 'my.blocks'}}, "columns is {'b': 'my.blocks'} there and None here"),
        ({'metrics': {'h': 'my.half'}}, "metrics is {'h': 'my.half'} there and None here"),
    ],
)
def test_a_random_study_of_another_supernet_is_not_drawn(
    changes: dict[str, object],
    apart: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    where = str(tmp_path / 'study.db')
    study = searched(where, 'a')
    searched(where, 'a_random', **changes)
    beside: list[object] = []
    monkeypatch.setattr(search_report, 'draw_front', lambda *args, **_: beside.append(args[2]))
    caplog.set_level('INFO')
    SearchReport(Places(where, 'a', tmp_path, 'a_random'), AIM)(study.records())
    assert [bool(points) for points in beside] == [not apart]
    assert apart in caplog.text


def test_the_report_of_another_study_is_not_overwritten(tmp_path: Path) -> None:
    where = str(tmp_path / 'study.db')
    for name in ('a', 'b'):
        study, places = searched(where, name), Places(where, name, tmp_path, 'none')
        if name == 'a':
            places.check()
            SearchReport(places, AIM)(study.records())
            places.check()
    for refused in (places.check, lambda: places.read(AIM)):
        with raises(SearchError, where=tmp_path, got='a', allowed=('b',)):
            refused()
    mine = Places(where, 'a', tmp_path, 'none')
    assert len(mine.read(AIM).records()) == 2
    with raises(StudyError, got='aAcc', allowed=('mIoU',), problem=contains('objectives[0].name')):
        mine.read(Objectives.from_dict(('aAcc', 'macs')))


def test_a_full_disk_is_told_and_does_not_end_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    where = str(tmp_path / 'study.journal')
    study = SearchStudy.open(where, 'a', AIM, {'seed': 0})
    report = SearchReport(Places(where, 'a', tmp_path / 'report', 'none'), AIM)
    report.study = study

    def full(source: object, target: object) -> None:
        raise OSError(28, 'No space left on device', str(target))

    with monkeypatch.context() as patch:
        patch.setattr('scalenas.staging.os.replace', full)
        report.on_the_way([])
        assert 'No space left' in caplog.text
        with raises(where=tmp_path / 'report/front.json'):
            report([])
    assert [path for path in (tmp_path / 'report').rglob('*') if path.is_file()] == []
    report([])
    assert (tmp_path / 'report/front.json').is_file()
