"""What `scalenas search` and `scalenas export` take from the work dir of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scalenas.commands import COMMANDS, CONSOLE
from scalenas.commands.export import start_of
from scalenas.commands.training import call_of
from scalenas.complexity import Budget
from scalenas.search import Objectives, Start
from scalenas.search.report import write_report
from tests.errors import contains, raises


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The work dir of a search, stopped before anything was evaluated."""
    monkeypatch.chdir(tmp_path)
    for name in ('a.py', 'b.pth', 'work/study.db'):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    settings = {'x': (1, 2), 'y': 'z'}
    start = Start.of('a.py', 'b.pth', settings, '.', {}, seed=3, budget={'macs': [None, '60%']})
    write_report([], Objectives.from_dict(('mIoU', 'macs')), 'work', start=start)
    return Path('work')


def call(*words: object) -> dict[str, Any]:
    return call_of(COMMANDS['search'].parser_of('search', CONSOLE).parse_args([*map(str, words)]))


def test_a_search_goes_on_with_what_it_was_started_with(work: Path) -> None:
    known = call(work)
    assert known == {
        'config': 'a.py',
        'checkpoint': 'b.pth',
        'cfg_options': {'x': (1, 2), 'y': 'z'},
        'work_dir': 'work',
        'storage': 'work/study.db',
        'seed': 3,
        'budget': {'macs': [None, '60%']},
    }
    new = call(work, '--num-evaluations', 9, '--max-macs', '5e6', '--cfg-options', 'y=w')
    assert new['num_evaluations'] == 9
    assert new['budget'] == Budget(macs=(None, 5e6))
    assert new['cfg_options'] == {'x': (1, 2), 'y': 'w'}


@pytest.mark.parametrize(
    ('words', 'where'),
    [
        (('work', '--algorithm', 'random'), '--algorithm'),
        (('work', '--work-dir', 'other'), '--work-dir'),
        (('work', '--study-name', 'other'), '--study-name'),
        (('a.py',), 'CHECKPOINT'),
        (('.',), 'study.json'),
    ],
)
def test_what_begins_another_search_is_refused(
    work: Path, words: tuple[str, ...], where: str
) -> None:
    with raises(where=where):
        call(*words)


def test_only_a_search_knows_its_files(work: Path) -> None:
    assert start_of('work').config == 'a.py'
    for arch in ('hrnet_w18', 'net.yaml'):
        with raises(where=arch, problem=contains('--config')):
            start_of(arch)
