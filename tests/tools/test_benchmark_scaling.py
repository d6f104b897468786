"""tools/benchmark_scaling.py: measures, goes on, and tools/scale.py reads what it wrote."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scalenas.arch import dump, named
from scalenas.scaling import LatencyModel

from ..processes import run_tool

ROOT = Path(__file__).resolve().parents[2]


def run(tool: str, *args: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / f'tools/{tool}.py'), *args],
        cwd=cwd,
        env={'PYTHONPATH': str(ROOT), 'PATH': '/usr/bin:/bin', 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_a_measurement_to_a_network_in_milliseconds(tmp_path: Path) -> None:
    (tmp_path / 'mine.yaml').write_text(dump(named('regnetx_200mf')))
    options = ['--bases', 'mine.yaml', '--side', '64', '--max-factor', '4', '--clock', 'processor']
    options += ['--strategies', 'depth', 'resolution', '--rounds', '1', '--runs', '3']
    said = run('benchmark_scaling', '--out', 'here', *options, cwd=tmp_path)
    out = tmp_path / 'here'
    assert {path.name for path in out.iterdir()} == {
        *('timings.jsonl', 'table.md', 'latency.yaml', 'inference.png', 'training.png')
    }
    assert (out / 'table.md').read_text().strip() in said
    assert '10/10 mine ' in said
    # On a busy machine the times of small networks need not rise with their size; these do.
    path = out / 'timings.jsonl'
    setting, *rows = (json.loads(line) for line in path.read_text().splitlines())
    for row in rows:
        factor = float((re.findall(r' x([\d.]+)$', row['net']) or ['1'])[0])
        row['seconds'] = [0.001 * factor for _ in row['seconds']]
    path.write_text(''.join(json.dumps(row) + '\n' for row in (setting, *rows)))
    again = run('benchmark_scaling', '--out', 'here', *options, cwd=tmp_path)
    assert '10 of 10 timings are there already' in again

    name, line = LatencyModel.from_file(out / 'latency.yaml').line('mine')
    assert (name, line.points) == ('mine', 5)
    most = str(line.ms(0.6 * (line.least + line.most) * 1e6))
    latency = ('--max', f'ms={most}', '--latency-model', 'here/latency.yaml')
    found = run('scale', 'mine.yaml', 'resolution', *latency, '--out', 'fit.yaml', cwd=tmp_path)
    assert 'line of mine: batch 1, 1 threads, cpu' in found
    assert 'below the bounds: ms ' in found
    assert 'estimate, not measured: ' in found
    assert (tmp_path / 'fit.yaml').is_file()
    # A bound that any machine keeps: macs decide how far it grows.
    latency = ('--max', 'ms=1e6', 'macs=4e8', '--measure', 'cpu')
    found = run('scale', 'mine.yaml', 'depth', *latency, cwd=tmp_path)
    assert 'below the bounds: ms 100.0%, macs ' in found
    assert 'measured: ' in found


def test_the_processors_clock_wants_one_thread(tmp_path: Path) -> None:
    options = ('--out', 'here', '--clock', 'processor', '--threads', 2)
    done = run_tool('benchmark_scaling', *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith('error: --threads: ')
    assert not list(tmp_path.iterdir())
