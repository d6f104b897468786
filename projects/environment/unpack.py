"""Unpacking a source archive, and nothing outside of its folder: run by the environment's Python.

Python refuses what leaves the folder by itself from 3.11.4 on; Debian 12 has 3.11.2.
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def unpack(archive: Path, folder: Path) -> None:
    """Extract all files of a tar archive into `folder`.

    Raises:
        tarfile.TarError: when one of them would lie elsewhere, or is no file.
    """
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, 'data_filter'):
            tar.extractall(folder, filter='data')
        else:
            tar.extractall(folder, list(_harmless(tar, archive)))


def _harmless(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    """The members, when all are files and folders below the top; links have no place here."""
    for member in tar.getmembers():
        path = PurePosixPath(member.name)
        if path.is_absolute() or '..' in path.parts:
            raise tarfile.ExtractError(f'{archive}: {member.name!r} would lie outside')
        if not (member.isreg() or member.isdir()):
            raise tarfile.ExtractError(f'{archive}: {member.name!r} is neither file nor folder')
        # No setuid bits, nothing that others may write to, and always ours to remove again.
        member.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
        member.uid = member.gid = -1
        member.uname = member.gname = ''
        yield member


def main(source: Path) -> None:
    """Makes SOURCE/tree of the one archive in SOURCE, then a stamp."""
    (archive,) = source.glob('*.tar.gz')
    unpack(archive, source)
    (tree,) = (path for path in source.iterdir() if path.is_dir())
    tree.rename(source / 'tree')
    (source / 'unpacked').touch()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
