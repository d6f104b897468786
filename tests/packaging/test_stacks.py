"""Two families of OpenMMLab packages: noticed, reported, and never installed over each other."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from scalenas import stacks

ROOT = Path(__file__).resolve().parents[2]


def fake_distribution(folder: Path, name: str, version: str) -> None:
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


def test_the_environment_holds_one_family() -> None:
    assert stacks.installed_twice() == {}


def test_two_owners_of_one_import_name_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_distribution(tmp_path, 'onedl-mmengine', '0.10.12')
    fake_distribution(tmp_path, 'mmengine', '0.10.7')
    fake_distribution(tmp_path, 'mmpose', '1.3.2')
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    twice = stacks.installed_twice()
    assert twice == {'mmengine': {'onedl-mmengine': '0.10.12', 'mmengine': '0.10.7'}}
    with pytest.warns(stacks.MixedStacksWarning, match='pip uninstall -y onedl-mmengine mmengine'):
        stacks.warn_of_mixed_stacks()


def test_the_registry_warns_of_a_mixture(tmp_path: Path) -> None:
    fake_distribution(tmp_path, 'mmsegmentation', '1.2.2')
    fake_distribution(tmp_path, 'onedl-mmsegmentation', '1.4.2')
    command = [sys.executable, '-c', 'import scalenas.registry, scalenas.registry']
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={'PYTHONPATH': f'{ROOT}:{tmp_path}', 'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count('mmseg is installed twice') == 1


def test_one_family_is_no_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        stacks.warn_of_mixed_stacks()
    assert caught == []
    assert stacks.installed('mmengine'), 'one family is installed, or the test shows nothing'
