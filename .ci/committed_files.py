#!/usr/bin/env python3
"""Refuse large files, and files that name a folder of one machine.

Usage: python3 .ci/committed_files.py FILE ...   (without files: all that git tracks)
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LARGEST = 1_000_000
LARGER = {'docs/demo/report.html': 2_500_000}
"""The report of a demo carries the script that draws it, so that it opens anywhere."""
MACHINE = re.compile(rb'(?<![\w.$}{~-])/(?:work|root|tmp|opt|home/\w+|Users/\w+)/[\w.]')


def offences(path: Path) -> list[str]:
    """What is wrong with one file, a line each."""
    content = path.read_bytes()
    found = []
    most = LARGER.get(path.as_posix(), LARGEST)
    if len(content) > most:
        found.append(
            f'{path}: {len(content)} bytes, at most {most}: let a command make or fetch it'
        )
    if b'\0' in content:
        return found
    for number, line in enumerate(content.splitlines(), start=1):
        match = MACHINE.search(line)
        if match:
            found.append(f'{path}:{number}: {match[0].decode()}... is a folder of one machine')
    return found


def tracked() -> list[str]:
    listing = subprocess.run(['git', 'ls-files', '-z'], capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.split('\0') if name]


def main(names: list[str]) -> int:
    paths = [path for path in map(Path, names or tracked()) if path.is_file()]
    found = [line for path in paths for line in offences(path)]
    print('\n'.join(found) if found else f'{len(paths)} files are fit to commit')
    return int(bool(found))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
