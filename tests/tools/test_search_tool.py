"""tools/search.py in a small world: search, continue, compare with random, export; bad input."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest

from scalenas.arch import from_file
from scalenas.search import Start

from ..evaluation.world import checkpoint, config, supernet, write_pictures
from ..processes import run_tool

SMALL = ['search.algorithm.num_initial=4', 'search.algorithm.num_parents=2']


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('search')
    write_pictures(path, {'train': 5, 'search': 3, 'test': 3})
    checkpoint(path / 'supernet.pth', supernet())
    config(path)
    return path


def search(world: Path, *args: str, warm: bool = True) -> subprocess.CompletedProcess[str]:
    """The tool on the config and checkpoint of the world."""
    given = world / 'supernet.py', world / 'supernet.pth', '--work-dir', world / 'work'
    return run_tool('search', *given, *args, '--cfg-options', *SMALL, warm=warm)


@pytest.fixture(scope='module')
def searched(world: Path) -> subprocess.CompletedProcess[str]:
    options = ('--algorithm', 'random', '--mode', 'async', '--num-evaluations', '6')
    random = search(world, *options, warm=False)
    assert random.returncode == 0, random.stderr
    return search(world, '--num-evaluations', '8')


def test_it_leaves_tables_archs_and_a_picture(
    world: Path, searched: subprocess.CompletedProcess[str]
) -> None:
    assert searched.returncode == 0, searched.stderr
    assert '8 networks evaluated' in searched.stdout
    work = world / 'work'
    entries = json.loads((work / 'front.json').read_text())
    rows = list(csv.DictReader((work / 'front.csv').open()))
    assert [int(row['slot']) for row in rows] == [entry['slot'] for entry in entries]
    assert [entry['cost']['macs'] for entry in entries] == sorted(
        entry['cost']['macs'] for entry in entries
    )
    for entry in entries:
        from_file(work / entry['arch'])
    assert len(list((work / 'archs').iterdir())) == len(entries)
    assert len(list(csv.DictReader((work / 'all.csv').open()))) == 8
    assert len(list(csv.DictReader((work / 'random/all.csv').open()))) == 6
    assert Start.of_report(work / 'random').call(work / 'random')['mode'] == 'async'
    assert (work / 'front.png').stat().st_size > 1000


def test_more_evaluations_continue_and_reports_can_be_written_again(
    world: Path, searched: subprocess.CompletedProcess[str]
) -> None:
    more = search(world, '--num-evaluations', '9')
    assert more.returncode == 0, more.stderr
    assert more.stderr.count('(generation') == 1
    (world / 'work/front.csv').unlink()
    assert search(world, '--report-only').returncode == 0
    assert (world / 'work/front.csv').is_file()


def test_the_work_dir_is_enough_to_continue_and_to_export(
    world: Path, searched: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    """From another folder; the settings of the config that were given come along."""
    more = run_tool('search', world / 'work', '--num-evaluations', 10, cwd=tmp_path, warm=True)
    assert more.returncode == 0, more.stderr
    assert '10 networks evaluated' in more.stdout
    assert len(list(csv.DictReader((world / 'work/all.csv').open()))) == 10
    random = run_tool('search', world / 'work/random', cwd=tmp_path, warm=True)
    assert random.returncode == 0, random.stderr
    assert '6 networks evaluated' in random.stdout, 'as many as the last command asked for'
    done = run_tool('export', world / 'work', '--max', 'macs=100%', cwd=tmp_path, warm=True)
    assert done.returncode == 0, done.stderr
    (config_,) = (tmp_path / 'exported').glob('subnet_*.py')
    assert f'tools/export.py {world / "work"} --max macs=100%' in config_.read_text()
    none = run_tool('export', world / 'work', '--max', 'macs=1%', cwd=tmp_path, warm=True)
    assert none.returncode == 2
    assert none.stderr.startswith('error: ')


def test_a_search_begins_with_what_its_space_holds(
    world: Path, searched: subprocess.CompletedProcess[str]
) -> None:
    lines = searched.stderr.splitlines()
    (first,) = [n for n, line in enumerate(lines) if ' space: ' in line]
    slots = [n for n, line in enumerate(lines) if '(generation' in line]
    assert first < slots[0]
    shown = run_tool('info', '--space', world / 'supernet.py', warm=True)
    assert shown.returncode == 0, shown.stderr
    _, *rows = shown.stdout.splitlines()
    assert {'macs', 'params', 'acts', 'depth', 'fusion'} <= {row.split()[0] for row in rows}
    assert [line[24:] for line in lines[first : first + len(rows)]] == rows, 'as info shows it'


@pytest.mark.parametrize(
    ('args', 'line'),
    [
        (('--seed', '5'), 'was made with another seed; expected 0, got 5'),
        (('--max-macs', '10', '--study-name', 'x'), 'budget.macs: no network has so few; '),
        (('--storage', 'study.txt'), 'expected a file ending in'),
    ],
)
def test_a_mistake_is_one_line(
    args: tuple[str, ...], line: str, world: Path, searched: subprocess.CompletedProcess[str]
) -> None:
    result = search(world, *args)
    assert result.returncode == 2
    assert line in result.stderr
    assert 'Traceback' not in result.stderr
