"""The Containerfile: what it copies before the environment is made suffices to make it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from projects.environment.plan import read_plan

from .test_bootstrap_command import STANDARD

ROOT = Path(__file__).resolve().parents[3]


def steps() -> list[list[str]]:
    """The instructions, each as its words; those that go on in the next line are joined."""
    text = (ROOT / 'Containerfile').read_text().replace('\\\n', ' ')
    return [line.split() for line in text.splitlines() if line and not line.startswith('#')]


@pytest.mark.skipif(sys.version_info[:2] != STANDARD, reason='the bootstrap is for 3.11')
def test_what_is_copied_first_makes_the_environment(tmp_path: Path) -> None:
    (end,) = (n for n, words in enumerate(steps()) if 'bootstrap.py env' in ' '.join(words))
    for words in steps()[:end]:
        if words[0] == 'COPY':
            source, target = ROOT / words[1], tmp_path / words[2]
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, target)
    plan = read_plan(tmp_path / 'requirements', {'SCALENAS_ENV_HOME': str(tmp_path / 'envs')})
    assert plan.home.name == read_plan(ROOT / 'requirements').home.name
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(plan.home)], check=True)
    (plan.home / '.steps').mkdir()
    for name in ('complete', *(step.name for step in plan.basic().steps)):
        (plan.home / '.steps' / name).touch()
    done = subprocess.run(
        [sys.executable, str(tmp_path / 'tools/bootstrap.py'), 'env', 'basic'],
        env={**os.environ, 'SCALENAS_ENV_HOME': str(tmp_path / 'envs'), 'PYTHONPATH': ''},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f'{plan.home}\n', '')


def test_no_registry_is_named() -> None:
    (base,) = (words for words in steps() if words[:1] == ['ARG'] and 'BASE' in words[1])
    assert '/' not in base[1]
