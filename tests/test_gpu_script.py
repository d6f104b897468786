"""benchmarks/gpu.py tries itself: on a CPU, without what a fresh machine has not, in its time."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
MISSING = """
import sys
from importlib.machinery import PathFinder

class Installed:
    hidden = {'mmengine', 'mmcv', 'mmseg', 'mmdet', 'mmpose', 'mmpretrain', 'cv2', 'optuna', 'onnx',
              'onnxruntime', 'scipy', 'pandas', 'matplotlib', 'addict', 'torchvision', 'timm'}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition('.')[0] in cls.hidden
        return None if hidden else PathFinder.find_spec(name, path, target)

sys.meta_path = [Installed if finder is PathFinder else finder for finder in sys.meta_path]
"""
"""A sitecustomize.py: torch, numpy and PyYAML stay."""


def tried(folder: Path, budget: int) -> tuple[dict[str, Any], float]:
    """What the script writes, and how long it took."""
    (folder / 'sitecustomize.py').write_text(MISSING)
    environment = {**os.environ, 'PYTHONPATH': str(folder), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, str(ROOT / 'benchmarks/gpu.py'), '--device', 'cpu', '--tiny']
    command += ['--budget', str(budget), '--out', 'gpu.json']
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith('| net | form |')
    return json.loads((folder / 'gpu.json').read_text()), time.perf_counter() - begun


def numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def check(found: dict[str, Any]) -> None:
    """Every row has all that its kind has, and only finite numbers."""
    assert set(found) == {'setting', 'budget_s', 'results', 'trainings', 'skipped', 'seconds'}
    assert found['setting']['mmengine'] is False
    case = {'kind', 'net', 'form', 'precision', 'layout', 'launch', 'batch', 'size'}
    for row in found['results']:
        assert set(row) == case | {'ms', 'images_per_s', 'error', 'ratio'}
        assert set(row['ms']) == {'median', 'q25', 'q75', 'n'}
        limit = 1e-4 if row['precision'] == 'fp32' else 0.2
        plain = row['form'] == 'plain' and row['layout'] == 'contiguous'
        assert 0 <= row['error'] <= limit
        assert row['error'] > 0 or (plain and row['precision'] == 'fp32')
    for row in found['trainings']:
        assert set(row) == {'what', 'precision', 'layout', 'batch', 'size', 'ratio', 'ms'}
    assert all(math.isfinite(value) for value in numbers(found))
    assert all(row['ms']['median'] > 0 for row in found['results'] + found['trainings'])
    assert all(row['why'] for row in found['skipped'])


@pytest.mark.slow
def test_everything_that_a_cpu_can_do(tmp_path: Path) -> None:
    found, _ = tried(tmp_path, 900)
    check(found)
    forms = {(row['form'], row['precision'], row['launch']) for row in found['results']}
    assert forms == {
        ('plain', 'fp32', 'eager'),
        ('plain', 'bf16', 'eager'),
        ('deployed', 'fp32', 'eager'),
        ('deployed', 'bf16', 'eager'),
        ('plain', 'fp32', 'compile'),
    }
    assert {row['what'] for row in found['trainings']} == {
        'supernet / static',
        'supernet, compiled units / supernet',
    }
    assert all(row['why'].startswith('needs a GPU') for row in found['skipped'])
    again = [row for row in found['results'] if row['kind'] == 'again']
    assert [row['error'] for row in again] == [0, 0]


@pytest.mark.slow
def test_what_there_is_no_time_for_is_said(tmp_path: Path) -> None:
    found, _ = tried(tmp_path, 4)
    check(found)
    assert found['results']
    assert {row['kind'] for row in found['skipped'] if row['why'] == 'no time left'} >= {
        'training',
        'compile',
    }
    # It began nothing that it had no time for; what was begun may take longer than thought.
    done = {(r['kind'], r['net'], r['form'], r['precision']) for r in found['results']}
    assert done.isdisjoint(
        (r['kind'], r['net'], r['form'], r['precision'])
        for r in found['skipped']
        if r['why'] == 'no time left' and r['kind'] == 'again'
    )


@pytest.mark.slow
def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip('there is one')
    command = [sys.executable, str(ROOT / 'benchmarks/gpu.py')]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith('benchmarks/gpu.py: torch sees no GPU')
    assert not (tmp_path / 'gpu.json').exists()
