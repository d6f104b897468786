"""What is committed is small and names no folder of the machine it was written on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / '.ci' / 'committed_files.py'


def check(*names: str, cwd: Path = ROOT) -> tuple[int, str]:
    command = [sys.executable, str(CHECK), *names]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_this_repository() -> None:
    if not (ROOT / '.git').exists():
        pytest.skip('not a git checkout')
    code, shown = check()
    assert code == 0, shown


@pytest.mark.parametrize('folder', ['work/', 'root/.cache/', 'tmp/', 'home/ada/'])
def test_a_machine_path_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / 'a.py').write_text(f"data_root = '/{folder}images'\n")
    code, shown = check('a.py', cwd=tmp_path)
    assert code == 1
    assert shown.startswith('a.py:1: ')


@pytest.mark.parametrize('text', ['~/.cache/x', '$HOME/work/x', 'a/work/b', '/tmp', 'x/tmp/'])
def test_other_paths_pass(tmp_path: Path, text: str) -> None:
    (tmp_path / 'a.md').write_text(text)
    assert check('a.md', cwd=tmp_path)[0] == 0


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'a.pth').write_bytes(bytes(1_000_001))
    code, shown = check('a.pth', cwd=tmp_path)
    assert code == 1
    assert '1000001 bytes' in shown
