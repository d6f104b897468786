"""tools/info.py where it needs torch: milliseconds of an arch file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scalenas.arch import dump

from ..evaluation.world import SPACE
from ..processes import run_tool

LINE = re.compile(
    r'backbone alone: ([\d.]+) ms \(([\d.]+) to ([\d.]+)\), batch 2 in torch [\d.+a-z]+, fp32, '
    'cpu, 15 visits'
)


def test_milliseconds_of_an_arch_file(tmp_path: Path) -> None:
    path = tmp_path / 'net.yaml'
    path.write_text(dump(SPACE.smallest()))
    options = ('--size', 32, 32, '--head', 'none', '--measure', 'cpu', '--batch', 2)
    done = run_tool('info', path, *options)
    assert done.returncode == 0, done.stderr
    found = LINE.fullmatch(done.stdout.splitlines()[-1])
    assert found, done.stdout
    median, lower, upper = map(float, found.groups())
    assert 0 < lower <= median <= upper


@pytest.mark.parametrize(
    ('options', 'line'),
    [
        (('--measure', 'gpu'), 'device: expected cpu, cuda or cuda:N'),
        (('--measure', 'cpu', '--threads', 0), '--threads: expected a whole number >= 1'),
    ],
)
def test_a_device_that_cannot_be_is_one_line(options: tuple[object, ...], line: str) -> None:
    done = run_tool('info', 'hrnet_w18_small', '--size', 32, 32, *options)
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith(f'error: {line}')
