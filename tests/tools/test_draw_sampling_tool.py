"""tools/draw_sampling.py: an image and a table, or one line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ..processes import run_tool


def run(*args: object) -> subprocess.CompletedProcess[str]:
    return run_tool('draw_sampling', *args)


def test_a_small_figure_3(tmp_path: Path) -> None:
    path = tmp_path / 'figure3.png'
    done = run('scalenet', '--num', 2000, '--num-base', 2000, '--eta', '1,4,5,7', '--out', path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith('so f_0 = 300 M')
    assert [line.split()[:2] for line in lines[2:6]] == [
        ['f_0', '300'],
        ['f_1', '600'],
        ['f_2', '1,200'],
        ['f_3', '2,400'],
    ]
    assert path.stat().st_size > 10_000


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (('--eta', 'sizes'), "did you mean 'size'"),
        (('--eta', '1,2'), 'expected 4 weights >= 0'),
        (('--eta', '1,x'), '--eta: expected numbers such as 1,4,5,7'),
        (('--num', '0'), 'number of networks: expected a whole number'),
        (('--tolerance', '-1'), 'tolerance: expected a number in 0'),
        (('--head', 'cls'), 'head: expected'),
        (('--head', 'seg:19'), '--head: expected cls:NUMBER'),
    ],
)
def test_bad_options_are_one_line(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    small = ('--num', 50, '--num-base', 50)
    done = run('scalenet_half', *small, '--out', tmp_path / 'a.png', *args)
    assert done.returncode not in (0, None)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
