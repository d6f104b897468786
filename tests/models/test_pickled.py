"""What checkpoints of the ecosystem hold beside weights is read; the rest is named and not run."""

from __future__ import annotations

import collections
import datetime
import fractions
import pathlib
import pickle
import runpy
from pathlib import Path
from typing import Any

import mmpose
import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.runner import save_checkpoint
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from scalenas.errors import CheckpointError
from scalenas.models.checkpoint import check_meta, load_checkpoint
from scalenas.models.pickled import Kind, rebuilt_array

METAS = sorted(Path(mmpose.__file__).parent.glob('.mim/configs/_base_/datasets/*.py'))


def read_back(value: Any, path: Path) -> Any:
    torch.save({'state_dict': {'a': torch.ones(1)}, 'meta': {'dataset_meta': value}}, path)
    return load_checkpoint(path)['meta']['dataset_meta']


def assert_same(one: Any, other: Any) -> None:
    """Equal content; arrays in type and shape, too."""
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert type(one) is type(other)
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other


def test_the_metas_of_all_data_sets_of_mmpose_are_read(tmp_path: Path) -> None:
    empty, path = 0, tmp_path / 'a.pth'
    for file in METAS:
        meta = parse_pose_metainfo(runpy.run_path(str(file))['dataset_info'])
        content = {'state_dict': {'a': torch.ones(1)}, 'meta': {'dataset_meta': meta}}
        save_checkpoint(content, str(path))  # mmengine's own
        assert_same(meta, load_checkpoint(path)['meta']['dataset_meta'])
        empty += any(isinstance(v, np.ndarray) and not v.size for v in meta.values())
    assert len(METAS) >= 54
    assert empty >= 20


PLAIN = [
    *(np.arange(3).astype(kind) for kind in '?bhilqBHILQefdgFDG'),
    *(np.zeros(0, kind) for kind in ('f4', 'i8', 'U3', '?')),
    np.zeros((0, 3)),
    np.array(['a', 'bcd', 'é']),
    np.array([b'a', b'bc']),
    np.array(['2026-11-27', 'NaT'], 'M8[D]'),
    np.array([1, 2], 'm8[s]'),
    np.array(['a', None, 3], object),
    np.array(3.5),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.float16(1.5),
    np.int8(3),
    np.uint16(3),
    np.str_('a'),
    np.bool_(True),
    b'',
    b'abc',
    {1, 2},
    frozenset({1, 2}),
    frozenset(),
    1j,
    slice(1, 2),
    datetime.datetime(2026, 11, 27),
    datetime.timedelta(1),
    collections.OrderedDict(a=1),
    2**60,
    -(2**200),
    torch.ones(2, dtype=torch.int8),
    (None, True, 'x', [1.5]),
]


@pytest.mark.parametrize('value', PLAIN, ids=lambda v: f'{type(v).__name__}-{v!r}'[:40])
def test_plain_values_and_arrays_come_back(tmp_path: Path, value: Any) -> None:
    found = read_back(value, tmp_path / 'a.pth')
    assert isinstance(found, type(value))
    if isinstance(value, torch.Tensor):
        assert torch.equal(found, value)
    else:
        np.testing.assert_equal(found, value)
        assert getattr(found, 'dtype', None) == getattr(value, 'dtype', None)


def test_tables_come_back_as_plain_ones(tmp_path: Path) -> None:
    tables = [ConfigDict(a={'b': (1, 2)}), collections.defaultdict(list, a=[1])]
    found = read_back(tables, tmp_path / 'a.pth')
    assert found == [{'a': {'b': (1, 2)}}, {'a': [1]}]
    assert read_back(pathlib.PurePosixPath('a/b'), tmp_path / 'a.pth') == 'a/b'


def test_arrays_of_the_other_numpy_are_read(tmp_path: Path) -> None:
    """NumPy 2 moved the functions that rebuild arrays; both names are in files."""
    path = tmp_path / 'a.pth'
    value = [np.arange(3.0), np.float64(2)]
    content = {'state_dict': {'a': torch.ones(1)}, 'meta': {'x': value}}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    assert b'numpy._core.multiarray' in data
    path.write_bytes(data.replace(b'numpy._core.multiarray', b'numpy.core.multiarray'))
    assert_same(value, load_checkpoint(path)['meta']['x'])


class Own:
    """Somebody's class."""


FOREIGN = [
    (Own(), 'Own'),
    (fractions.Fraction(1, 2), 'fractions.Fraction'),
    (np.zeros(2, [('a', 'f4')]), 'numpy.dtype'),
    (np.ma.masked_array([1, 2], [0, 1]), 'numpy.ma'),
    (collections.deque([1]), 'collections.deque'),
    (torch.nn.Linear(1, 1), 'Linear'),
    (np.float32, 'numpy.float32'),
    (range(3), 'range'),
]


@pytest.mark.parametrize(('value', 'name'), FOREIGN, ids=[name for _, name in FOREIGN])
def test_a_class_that_is_not_read_is_named(tmp_path: Path, value: Any, name: str) -> None:
    with pytest.raises(CheckpointError) as error:
        read_back(value, tmp_path / 'a.pth')
    assert error.value.where == str(tmp_path / 'a.pth')
    assert name in error.value.got
    assert 'truncated' not in str(error.value)
    with pytest.raises(CheckpointError) as error:
        check_meta({'x': value}, 'metainfo')
    assert error.value.where == 'metainfo'


def test_what_cannot_be_saved_is_said() -> None:
    with pytest.raises(CheckpointError) as error:
        check_meta({'x': lambda: 0}, 'metainfo')
    assert error.value.where == 'metainfo'


class Call:
    """Calls one of the allowed functions with arguments of one's own."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    'call',
    [Call(bytes, 10**12), Call(list, range(10**12)), Call(getattr, torch.Tensor, 'numpy')],
    ids=['bytes', 'list', 'getattr'],
)
def test_what_is_allowed_does_no_more_than_it_is_for(tmp_path: Path, call: Call) -> None:
    with pytest.raises(CheckpointError):
        read_back(call, tmp_path / 'a.pth')


def test_a_number_without_end_and_other_protocols_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        read_back(1 << 5000, tmp_path / 'a.pth')
    assert 'truncated' not in str(error.value)
    torch.save({'state_dict': {'a': torch.ones(1)}}, tmp_path / 'b.pth', pickle_protocol=4)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(tmp_path / 'b.pth')
    assert 'pickle_protocol' in error.value.hint


HOSTILE = [
    ('f8', (3, '<', None, None, None, -1, -1, 63)),  # numbers that say that they are objects
    ('U2', (3, '<', None, None, None, 10**9, 1, 8)),  # text that says that it is longer
]


@pytest.mark.parametrize(('name', 'state'), HOSTILE)
def test_a_type_is_what_its_name_says(name: str, state: tuple[Any, ...]) -> None:
    kind = Kind(name)
    kind.__setstate__(state)
    assert kind.made() == np.dtype(name)
    assert not kind.made().hasobject


@pytest.mark.parametrize('name', ['f8,O', 'V8', 'O,O', 'f4, i4', [('a', 'O')], None, 'f', 'f99'])
def test_records_and_unknown_types_are_not_made(name: Any) -> None:
    if name == 'f':
        assert Kind(name).made() == np.float32
        return
    with pytest.raises((pickle.UnpicklingError, TypeError)):
        Kind(name).made()


@pytest.mark.parametrize(
    'state',
    [
        (1, (2,), Kind('f8'), False, bytes(15)),
        (1, (-1,), Kind('f8'), False, bytes(8)),
        (1, (1,), Kind('O'), False, bytes(8)),
        (1, (1,), Kind('f8'), False, [1.0]),
        (1, (1,), np.dtype('f8'), False, bytes(8)),
        (1, (2**62,), Kind('f8'), False, bytes(8)),
    ],
)
def test_an_array_holds_what_its_shape_says(state: tuple[Any, ...]) -> None:
    with pytest.raises((pickle.UnpicklingError, ValueError, TypeError, MemoryError)):
        rebuilt_array().__setstate__(state)
