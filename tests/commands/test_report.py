"""`scalenas report`: which studies a command line names, and where the page is."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from scalenas.commands import COMMANDS, CONSOLE, run
from scalenas.errors import UserError
from scalenas.search import SearchError, write_report
from scalenas.visualization import page_data
from tests.errors import raises

from ..search.table import OBJECTIVES, random_search
from ..visualization.pages import data_of, searched

pytest.importorskip('plotly')


def test_commands_of_the_page_are_understood() -> None:
    page = Path(__file__).parents[2] / 'docs/report.md'
    lines = [line.partition('  #')[0] for line in page.read_text().splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith('scalenas report')]
    assert len(commands) > 3
    for _, name, *words in commands:
        COMMANDS[name].parser_of(name, CONSOLE).parse_args(words)


def test_a_work_dir_or_storages_become_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page_data, '_drawing', lambda record: {'svg': '<svg/>'})
    for name in ('a', 'b'):
        study = searched(tmp_path / name / 'study.journal', name, random_search(num_total=2))
        write_report(study.records(), OBJECTIVES, tmp_path / name, 'f00', name)
    assert run('report', ['a', '--reference', 'teacher:mIoU=3'], CONSOLE) is None
    (page,) = tmp_path.rglob('report.html')
    assert page == tmp_path / 'a/report.html'
    assert data_of(page)['references'][0] == {'name': 'teacher', 'values': {'mIoU': 3}}
    assert capsys.readouterr().out.startswith('a/report.html')

    run('report', ['a', 'b/study.journal', '--out', 'both.html'], CONSOLE)
    both = data_of(tmp_path / 'both.html')
    assert [study['name'] for study in both['studies']] == ['a', 'b']
    assert both['live'] is None

    with raises(UserError, where='--watch', got=0.0):
        run('report', ['a', '--watch', '0'], CONSOLE)
    with raises(SearchError, where='a/front.json'):
        run('report', ['a', '--out', 'a/front.json'], CONSOLE)
