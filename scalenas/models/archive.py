"""Whether the file of a checkpoint is whole: torch reads it without looking at its checksums."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from mmengine.logging import print_log

from scalenas.errors import CheckpointError

DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    OverflowError,
    MemoryError,
)
"""What zipfile raises for archives of which any byte may be wrong."""

AGAIN = 'copy or make it again'
SAVED = 'a file that torch.save wrote'
_ZIP, _PICKLE = b'PK\x03\x04', b'\x80'
_LEGACY = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'
"""What torch.save wrote first before version 1.6: its magic number, pickled."""
_OTHERS = (
    (
        b'version https://git-lfs',
        'is a pointer of Git LFS, not the file; fetch it with git lfs pull',
    ),
    (b'<', 'is a page of markup, as servers send with an error; download it again'),
    (b'\x93NUMPY', 'is a NumPy array'),
    (b'\x89HDF', 'is an HDF5 file'),
    (b'\x1f\x8b', 'is compressed by gzip; unpack it first'),
)
_CHUNK = 2**20


def check_whole(path: Path) -> None:
    """Pass when the file is one of torch.save, and each of its records has its checksum.

    Files of the format before torch 1.6 have none, which is said in the log.

    Raises:
        CheckpointError: for a file that is missing, cut, damaged, or something else.
    """
    try:
        if path.is_dir():
            raise CheckpointError('is a folder', where=path, allowed='a checkpoint (.pth)')
        if not path.exists():
            raise CheckpointError('no such file', where=path, allowed='a checkpoint (.pth)')
        if not path.is_file():
            raise CheckpointError('is no regular file', where=path, allowed='a checkpoint (.pth)')
        with path.open('rb') as file:
            head = file.read(64)
    except OSError as error:
        raise CheckpointError(f'cannot be read ({error.strerror})', where=path) from None
    if not head:
        raise CheckpointError('truncated, or not a checkpoint: it is empty', where=path, hint=AGAIN)
    if head.startswith(_ZIP) or _is_zip(path):
        names = check_records(path)
        if any(name.endswith('/constants.pkl') for name in names):
            raise CheckpointError(
                'not a checkpoint: a program of TorchScript',
                where=path,
                allowed=SAVED,
                hint='save its state_dict() with torch.save',
            )
        if not any(name.endswith('/data.pkl') for name in names):
            text = f'not a checkpoint: an archive of {len(names)} other files'
            raise CheckpointError(text, where=path, allowed=SAVED)
    elif head.startswith(_LEGACY):
        print_log(
            f'{path}: is in the format that torch.save had before 1.6, which has no checksums: '
            'damage that leaves it readable is not seen',
            'current',
            30,
        )
    else:
        raise CheckpointError(_what(head), where=path, got=head[:12], allowed=SAVED)


def _what(head: bytes) -> str:
    for start, text in _OTHERS:
        if head.lstrip().startswith(start):
            return f'not a checkpoint: {text}'
    if _LEGACY.startswith(head):
        return 'truncated, or not a checkpoint'
    return 'not a checkpoint' + (': a pickle of something else' if head[:1] == _PICKLE else '')


def _is_zip(path: Path) -> bool:
    """True for an archive with an end, whatever became of its beginning."""
    try:
        return zipfile.is_zipfile(path)
    except DAMAGE:
        return False


def is_archive(path: Path) -> bool:
    """True for a file that begins as torch.save's archives do."""
    try:
        with path.open('rb') as file:
            return file.read(len(_ZIP)) == _ZIP
    except OSError:
        return False


def check_records(path: Path) -> list[str]:
    """The names of an archive's records, each of which has its checksum.

    Raises:
        CheckpointError: for an archive that is cut or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            # torch.save leaves all out where `set_crc32_options(False)` asks it to.
            unsure = not any(record.CRC for record in records)
            for record in () if unsure else records:
                with archive.open(record) as content:
                    while content.read(_CHUNK):
                        pass
    except DAMAGE as error:
        problem = 'truncated, or not a checkpoint'
        if _is_zip(path):
            problem = f'damaged: {" ".join(str(error).split()) or type(error).__name__}'
        raise CheckpointError(problem, where=path, hint=AGAIN) from None
    if unsure:
        print_log(f'{path}: was saved without checksums: damage is not seen', 'current', 30)
    return [record.filename for record in records]
