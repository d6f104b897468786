"""What is written appears whole or not at all, and a kill leaves nothing for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scalenas.staging import STAGED, remove_leftovers, staged_file, staged_folder, write_whole

ROOT = Path(__file__).resolve().parents[1]
WRITER = """
import sys, time
from scalenas.staging import staged_file, staged_folder
make = dict(file=staged_file, folder=lambda path: staged_folder(path.parent, path.name))
from pathlib import Path
with make[sys.argv[1]](Path(sys.argv[2])) as part:
    (part / 'half' if part.is_dir() else part).write_text('half')
    print('writing', flush=True)
    time.sleep(600)
"""


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith('.')]


def writer(kind: str, path: Path) -> subprocess.Popen[str]:
    """A process that is in the midst of writing `path`."""
    process = subprocess.Popen(
        [sys.executable, '-c', WRITER, kind, str(path)],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'writing\n'
    return process


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / 'front.json'
    for content in ('one', b'two'):
        write_whole(path, content)
    assert path.read_text() == 'two'
    assert [p.name for p in tmp_path.iterdir()] == ['front.json']
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()  # as any file that is written


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    for name in ('n' * 255, 'ü' * 127):
        write_whole(tmp_path / name, name)
        assert (tmp_path / name).read_text() == name


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask | 0o022


def test_an_error_keeps_the_old_file(tmp_path: Path) -> None:
    write_whole(tmp_path / 'a', 'old')

    def fail() -> None:
        with staged_file(tmp_path / 'a', '.png') as part:
            assert part.suffix == '.png'
            part.write_text('half')
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (tmp_path / 'a').read_text() == 'old'
    assert not hidden(tmp_path)


@pytest.mark.parametrize('kind', ['file', 'folder'])
def test_what_a_kill_leaves_goes_with_the_next_write(kind: str, tmp_path: Path) -> None:
    killed, busy = writer(kind, tmp_path / 'one'), writer(kind, tmp_path / 'two')
    try:
        assert len(hidden(tmp_path)) == 2
        assert all(STAGED.fullmatch(path.name) for path in hidden(tmp_path))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        write_whole(tmp_path / 'mine', 'x')
        (left,) = hidden(tmp_path)
        assert left.name.startswith('.two.'), 'what is being written stays'
        with staged_folder(tmp_path, 'mine'):
            assert left.exists()
    finally:
        for process in (killed, busy):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    remove_leftovers(tmp_path)
    assert not hidden(tmp_path)


def test_a_hidden_file_of_others_stays(tmp_path: Path) -> None:
    for name in ('.git', '.front.json.staged', '.x.0123.staged', '.export-abc'):
        (tmp_path / name).write_text('theirs')
    write_whole(tmp_path / 'mine', 'x')
    assert len(hidden(tmp_path)) == 4


def test_many_writers_of_one_file_and_none_in_the_way_of_another(tmp_path: Path) -> None:
    code = (
        'import sys; from pathlib import Path; from scalenas.staging import write_whole\n'
        'for n in range(150): write_whole(Path(sys.argv[1]) / "f", sys.argv[2] * 2000)'
    )
    command = [sys.executable, '-c', code, str(tmp_path)]
    started = [
        subprocess.Popen([*command, c], env={**os.environ, 'PYTHONPATH': str(ROOT)}) for c in 'abcd'
    ]
    seen = set()
    while any(process.poll() is None for process in started):
        if (tmp_path / 'f').exists():
            seen.add((tmp_path / 'f').read_text())
        time.sleep(0.001)
    assert [process.returncode for process in started] == [0] * 4
    assert seen <= {c * 2000 for c in 'abcd'}
    assert [path.name for path in tmp_path.iterdir()] == ['f']


def test_a_folder_that_somebody_cleans_up_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, seen = os.open, []

    def late(path: Path, *args: int, **options: int) -> int:
        seen.append(path)
        if len(seen) == 1:
            Path(path).rmdir()
        return opened(path, *args, **options)

    monkeypatch.setattr('scalenas.staging.os.open', late)
    with staged_folder(tmp_path, 'x') as folder:
        assert seen[0] != seen[1] == folder
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []
