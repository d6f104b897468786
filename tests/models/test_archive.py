"""The file of a checkpoint: damage is seen wherever it is, and what is no checkpoint is named."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.serialization import set_crc32_options

from scalenas.errors import CheckpointError
from scalenas.models.archive import check_whole
from scalenas.models.checkpoint import load_checkpoint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    state = {f'{n}.weight': torch.rand(40) for n in range(3)}
    torch.save({'state_dict': state, 'meta': {'epoch': 1, 'dataset_meta': 'text'}}, tmp_path / 'a')
    return tmp_path / 'a'


def same(one: object, other: object) -> bool:
    """Equal contents of two checkpoints."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        assert isinstance(other, dict)
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return one == other


def test_a_flipped_byte_in_any_record_is_seen(path: Path) -> None:
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        records = [info for info in archive.infolist() if info.file_size]
    for info in records:
        start = (
            info.header_offset
            + 30
            + int.from_bytes(whole[info.header_offset + 26 : info.header_offset + 28], 'little')
            + int.from_bytes(whole[info.header_offset + 28 : info.header_offset + 30], 'little')
        )
        for at in {start, start + info.file_size // 2, start + info.file_size - 1}:
            broken = bytearray(whole)
            broken[at] ^= 1 << at % 8
            path.write_bytes(broken)
            with pytest.raises(CheckpointError) as error:
                load_checkpoint(path)
            assert error.value.problem.startswith('damaged')
            assert info.filename in error.value.problem
            assert error.value.where == str(path)


def test_a_flipped_byte_anywhere_is_seen_or_does_no_harm(path: Path) -> None:
    """Between the records lies what nobody reads."""
    whole, wanted, rng = path.read_bytes(), load_checkpoint(path), random.Random(0)
    refused = 0
    for _ in range(150):
        broken = bytearray(whole)
        broken[rng.randrange(len(whole))] ^= rng.randrange(1, 256)
        path.write_bytes(broken)
        try:
            assert same(wanted, load_checkpoint(path))
        except CheckpointError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize('missing', [1, 20, 100, 1000])
def test_a_cut_file_is_truncated(path: Path, missing: int) -> None:
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(path)
    assert error.value.problem.startswith('truncated')


def test_a_hole_of_zeros_is_damage(path: Path) -> None:
    """As a file system leaves one when the power fails."""
    whole = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo('a/data/1').header_offset
    whole[offset + 64 : offset + 160] = bytes(96)
    path.write_bytes(whole)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(path)
    assert error.value.problem.startswith('damaged')


def test_an_archive_without_checksums_is_read(tmp_path: Path) -> None:
    set_crc32_options(False)
    try:
        torch.save({'state_dict': {'a': torch.ones(2)}}, tmp_path / 'a.pth')
    finally:
        set_crc32_options(True)
    assert load_checkpoint(tmp_path / 'a.pth')['state_dict']['a'].tolist() == [1, 1]


def test_the_format_before_zip_archives_is_read(tmp_path: Path) -> None:
    content = {'state_dict': {'a': torch.ones(2)}}
    torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=False)
    assert load_checkpoint(tmp_path / 'a.pth')['state_dict']['a'].tolist() == [1, 1]


OTHERS = {
    'empty': (b'', 'empty'),
    'lfs': (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', 'Git LFS'),
    'page': (b'\n<!DOCTYPE html><html>404</html>', 'markup'),
    'text': (b'a file', 'not a checkpoint'),
    'gzip': (b'\x1f\x8b\x08' + bytes(40), 'gzip'),
    'hdf5': (b'\x89HDF\r\n\x1a\n' + bytes(40), 'HDF5'),
    'pickle': (b'\x80\x04K\x01.', 'pickle'),
    'zeros': (bytes(4000), 'not a checkpoint'),
}


@pytest.mark.parametrize('kind', OTHERS)
def test_something_else_is_named(tmp_path: Path, kind: str) -> None:
    content, word = OTHERS[kind]
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(tmp_path / 'a.pth')
    assert word in error.value.problem
    assert error.value.where == str(tmp_path / 'a.pth')
    assert 'truncated' not in error.value.problem or kind == 'empty'


def test_archives_of_something_else_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / 'a.npz', a=np.ones(2))
    with zipfile.ZipFile(tmp_path / 'b.pth', 'w') as archive:
        archive.writestr('code/constants.pkl', b'x')
    for name, word in (('a.npz', 'archive of 1 other'), ('b.pth', 'TorchScript')):
        with pytest.raises(CheckpointError) as error:
            load_checkpoint(tmp_path / name)
        assert word in error.value.problem


def test_a_safetensors_file_is_told_how(tmp_path: Path) -> None:
    (tmp_path / 'a.safetensors').write_bytes(b'x')
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(tmp_path / 'a.safetensors')
    assert 'torch.save' in error.value.hint


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / 'a.pth')
    with pytest.raises(CheckpointError):
        check_whole(tmp_path / 'a.pth')
