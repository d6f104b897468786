"""Files that cannot be read, and labels of another size than their images, named as they are met.

A worker of a DataLoader meets them hours after a start, and says neither file nor reason.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.dataset import Compose

from scalenas.errors import DataError, UserError

from .label_maps.labels import size_fault


class Folders:
    """Answers from a list of each folder: a question per file takes minutes on a network's disk."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def has(self, path: str) -> bool:
        """Whether there is a file, or a folder, of this name."""
        folder, name = os.path.split(path)
        if folder not in self._names:
            known = os.listdir(folder or '.') if os.path.isdir(folder or '.') else []
            self._names[folder] = set(known)
        return name in self._names[folder]


UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    AssertionError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What image libraries raise for broken files; Pillow a SyntaxError for a PNG."""


class LoadingError(DataError):
    """A file that a data set cannot load."""

    def __init__(self, problem: str = '', **fields: Any) -> None:
        # torch makes the error of a worker anew, from the text of its traceback alone.
        if problem.startswith('Caught '):
            problem = problem.rstrip().rsplit('\n', 1)[-1].partition('Error: ')[2]
        super().__init__(problem, **fields)


class WatchedPipeline(Compose):
    """The same transforms; a file that one of them cannot load is named in one line.

    Raises:
        LoadingError: for such a file, and for a label of another size than its image.
    """

    def __call__(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """As Compose."""
        labelled = False
        for transform in self.transforms:
            try:
                result = transform(data)
            except Exception as error:
                if 'Load' not in type(transform).__name__ or not _is_of_a_file(error):
                    raise
                raise _unreadable(transform, data, error) from error
            if result is None:
                return None
            data = result
            if not labelled and 'gt_seg_map' in data:
                labelled = True
                _check_size(data)
        return data


def watch(dataset: Any) -> Any:
    """The data set itself, with every pipeline in it watched."""
    for leaf in leaves(dataset):
        if type(getattr(leaf, 'pipeline', None)) is Compose:
            leaf.pipeline = WatchedPipeline(leaf.pipeline.transforms)
    return dataset


def leaves(dataset: Any) -> Iterator[Any]:
    """The data sets that a built one wraps (RepeatDataset, ConcatDataset ...), or itself."""
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None)
    if inner is None:
        yield dataset
    for one in inner if isinstance(inner, list | tuple) else [inner]:
        if one is not None:
            yield from leaves(one)


def _is_of_a_file(error: Exception) -> bool:
    # cv2 gives None for what it cannot decode, or raises an error of its own.
    if isinstance(error, UserError):
        return False
    none = isinstance(error, AttributeError) and 'NoneType' in str(error)
    return none or isinstance(error, UNREADABLE) or type(error).__module__ == 'cv2'


def _unreadable(transform: Any, data: Mapping[str, Any], error: Exception) -> LoadingError:
    key = 'seg_map_path' if 'Annotation' in type(transform).__name__ else 'img_path'
    file = getattr(error, 'filename', None) or data.get(key) or data.get('img_path')
    if isinstance(error, FileNotFoundError):
        return LoadingError('no such file', where=file)
    line = ' '.join(f'{type(error).__name__}: {error}'.split())
    return LoadingError(f'cannot be read: {line}', where=file, hint='is it whole, and an image?')


def _check_size(data: Mapping[str, Any]) -> None:
    size, shape = data.get('ori_shape'), getattr(data['gt_seg_map'], 'shape', ())
    if size is None or len(size) != 2 or len(shape) < 2 or tuple(shape[:2]) == tuple(size):
        return
    fault = size_fault('', tuple(shape[:2]), tuple(size))
    raise LoadingError(
        fault.problem,
        where=data.get('seg_map_path', data.get('img_path')),
        got=fault.got,
        allowed=fault.allowed,
        hint=fault.hint,
    )
