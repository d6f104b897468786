"""Source archives are unpacked into their folder only, also where Python does not see to it."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from projects.environment.unpack import main, unpack


def archive(path: Path, members: Iterable[tarfile.TarInfo]) -> Path:
    with tarfile.open(path, 'w:gz') as tar:
        for member in members:
            content = b'x = 1\n' if member.isreg() else b''
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, **more: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


@pytest.fixture(params=['as Python is', 'as 3.11.2 is'])
def old(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Python before 3.11.4, such as Debian 12's: `extractall` takes no filter."""
    if request.param == 'as Python is':
        return not hasattr(tarfile, 'data_filter')
    monkeypatch.delattr(tarfile, 'data_filter', raising=False)
    extractall = tarfile.TarFile.extractall

    def before(self: Any, path: Any = '.', members: Any = None, *, numeric_owner: bool = False):
        keywords = {'filter': 'fully_trusted'} if hasattr(tarfile, 'fully_trusted_filter') else {}
        extractall(self, path, members, numeric_owner=numeric_owner, **keywords)

    monkeypatch.setattr(tarfile.TarFile, 'extractall', before)
    return True


def test_an_archive_becomes_a_tree(tmp_path: Path, old: bool) -> None:
    members = [
        member('mmcv-2', tarfile.DIRTYPE, mode=0o755),
        member('mmcv-2/setup.py', mode=0o644),
        member('mmcv-2/run.sh', mode=0o4777, uid=4711, gid=4711),
        member('mmcv-2/ops/nms.cpp', mode=0o400),
    ]
    archive(tmp_path / 'mmcv-2.tar.gz', members)
    main(tmp_path)
    tree = tmp_path / 'tree'
    files = {path.relative_to(tree).as_posix() for path in tree.rglob('*') if path.is_file()}
    assert files == {'setup.py', 'run.sh', 'ops/nms.cpp'}
    assert (tmp_path / 'unpacked').is_file()
    mode = (tree / 'run.sh').stat().st_mode
    assert mode & 0o100, 'what ran still runs'
    assert not mode & (stat.S_ISUID | stat.S_IWOTH | stat.S_IWGRP)
    assert (tree / 'run.sh').stat().st_uid == os.geteuid()
    assert (tree / 'ops/nms.cpp').stat().st_mode & 0o600 == 0o600


@pytest.mark.parametrize(
    'bad',
    [
        member('../outside.txt'),
        member('a/../../outside.txt'),
        member('a', tarfile.SYMTYPE, linkname='../..'),
        member('a', tarfile.SYMTYPE, linkname='/'),
        member('a', tarfile.LNKTYPE, linkname='../outside.txt'),
        member('pipe', tarfile.FIFOTYPE),
    ],
    ids=lambda info: f'{info.name} {info.linkname}',
)
def test_nothing_leaves_the_folder(tmp_path: Path, old: bool, bad: tarfile.TarInfo) -> None:
    folder = tmp_path / 'deep' / 'source'
    folder.mkdir(parents=True)
    path = archive(tmp_path / 'bad.tar.gz', [bad, member('a/outside.txt')])
    with pytest.raises(tarfile.TarError):
        unpack(path, folder)
    assert not [p for p in tmp_path.rglob('*') if p.name == 'outside.txt']
    assert not any(p.is_symlink() or p.is_fifo() for p in tmp_path.rglob('*'))


def test_an_absolute_path_stays_inside(tmp_path: Path, old: bool) -> None:
    """Python's own filter drops the slash; without it the archive is refused."""
    folder = tmp_path / 'source'
    folder.mkdir()
    path = archive(tmp_path / 'bad.tar.gz', [member(f'{tmp_path}/outside.txt')])
    if old:
        with pytest.raises(tarfile.TarError):
            unpack(path, folder)
    else:
        unpack(path, folder)
    assert not (tmp_path / 'outside.txt').exists()
