"""What a search leaves behind: its picture shows the cost that was searched for."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest

from scalenas.search import Objective, Places, RandomSearch, SearchStudy, run_search
from scalenas.visualization import search_report
from scalenas.visualization.search_report import SearchReport

from ..search.table import COST, SPACE, score


@pytest.mark.parametrize('cost', ['macs', 'params', 'acts'])
def test_the_study_and_the_picture_hold_the_cost_that_is_traded(
    cost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = Objective('mIoU', cost=cost)  # type: ignore[arg-type]
    where = str(tmp_path / 'study.db')
    study = SearchStudy.open(where, 'a', objective, {'checkpoint': 'f00'})
    search = RandomSearch(SPACE, objective, COST, num_total=3)
    records = run_search(search, study, score)
    expected = [getattr(record.cost, cost) for record in records]
    assert len({*expected}) > 1

    stored = optuna.load_study(study_name='a', storage=f'sqlite:///{where}')
    assert [trial.values[1] for trial in stored.trials] == expected

    drawn = []
    monkeypatch.setattr(
        search_report, 'draw_front', lambda _, found, *__, **named: drawn.append((found, named))
    )
    SearchReport(Places(where, 'a', tmp_path, 'none'), objective)(records)
    ((found, named),) = drawn
    assert [point[0] for point in found] == expected
    label = {'macs': 'multiply-adds', 'params': 'parameters', 'acts': 'activations'}[cost]
    assert named['cost_label'] == label
    card = json.loads((tmp_path / 'study.json').read_text())
    assert card['checkpoint_sha256'] == 'f00'
    assert card['cost'] == cost
