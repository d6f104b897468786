"""The images of an evaluation: read once and kept while they fit, disjoint from other splits."""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmengine.logging import print_log
from mmengine.registry import DATASETS, DefaultScope
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch.utils.data import DataLoader

from scalenas.config import seeded
from scalenas.errors import EvaluationError, UserError
from scalenas.tasks import check_data, watch

MISUSED = {
    'test_dataloader': 'what a search finds there is too good to report',
    'val_dataloader': 'it must not be reported, either: a search fits itself to it',
    'train_dataloader': 'the supernet knows them, its sub-nets are told apart by what they recall',
}
"""Loader -> why a search on its images misleads."""


def warn_of_overlap(searched: Any, cfg: Mapping[str, Any]) -> None:
    """One warning for each split that shares images with the dataset `searched`.

    A search needs none of the other splits: one that is not there is not compared, and a line
    says so. Datasets that name no images cannot be compared.
    """
    mine = images(searched)
    if not mine:
        return
    for loader, why in MISUSED.items():
        dataset = (cfg.get(loader) or {}).get('dataset')
        if dataset is None:
            continue
        try:
            check_data(cfg, (loader,), sample=False)
            with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
                other = DATASETS.build(dict(dataset))
        except (OSError, UserError) as error:
            line = ' '.join(str(error).split())
            print_log(f'search_dataloader: not compared with {loader}: {line}', 'current')
            continue
        shared = mine & images(other)
        if shared:
            print_log(
                f'search_dataloader: {len(shared)} of its {len(mine)} images are of {loader} '
                f'too, such as {min(shared)}: {why}',
                'current',
                level=30,
            )


def images(dataset: Any) -> set[str]:
    """Real paths of all images of a built dataset; empty when it names none."""
    return {os.path.realpath(path) for path in _paths(dataset)}


def _paths(dataset: Any) -> Iterator[str]:
    get = getattr(dataset, 'get_data_info', None)
    if get is None:
        return
    for i in range(len(dataset)):
        path = get(i).get('img_path')
        if isinstance(path, str):
            yield path


MEMORY_LIMIT = 2 * 2**30
SEED = 0


class FixedBatches:
    """Preprocessed batches of `loader`; every iteration gives the same, in the same order.

    Random transforms draw from generators that are seeded for the reading alone. Batches are kept
    if they all fit into `memory_limit` bytes, else read again each time. `check` is given each as
    it is read, and raises for one that must not be used.
    """

    def __init__(
        self,
        loader: DataLoader[Any],
        preprocess: Callable[[Any, bool], dict[str, Any]],
        memory_limit: int = MEMORY_LIMIT,
        check: Callable[[Any], object] | None = None,
    ) -> None:
        self.loader = loader
        self._check = check
        self.memory_limit = memory_limit
        self._preprocess = preprocess
        self._kept: list[dict[str, Any]] | None = None
        self._storages: set[int] | None = None
        self._too_big = False

    @property
    def num_images(self) -> int:
        """Size of the dataset behind."""
        return len(self.loader.dataset)  # type: ignore[arg-type]

    def holds(self, images: torch.Tensor) -> bool:
        """True for the images of a batch that is kept, or a view of them."""
        if self._kept is None:
            return False
        if self._storages is None:
            whole = [batch.get('inputs') for batch in self._kept]
            self._storages = {_storage(part) for part in whole if isinstance(part, torch.Tensor)}
        return _storage(images) in self._storages

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self._kept is not None:
            yield from map(_fresh, self._kept)
            return
        kept: list[dict[str, Any]] = []
        size = 0
        with seeded(SEED):
            # An endless sampler would never stop by itself.
            for data in itertools.islice(self.loader, len(self.loader)):
                if self._check is not None:
                    self._check(data)
                batch = self._preprocess(data, False)
                size += _num_bytes(batch)
                if size <= self.memory_limit:
                    kept.append(batch)
                elif not self._too_big:
                    self._too_big = True
                    print_log(
                        f'images are read again for each sub-net: more than '
                        f'{self.memory_limit / 2**30:.1f} GiB when preprocessed',
                        'current',
                    )
                yield _fresh(batch)
        if not self._too_big:
            self._kept = kept


def build_loader(cfg: Mapping[str, Any], name: str) -> DataLoader[Any]:
    """The dataloader that the config variable `name` describes, in the config's scope.

    Calibration images are never shared out: in a run of several processes each reads all of them,
    for statistics that do not depend on how many there are.

    Raises:
        EvaluationError: when it is missing, or its data is.
    """
    if cfg.get(name) is None:
        like = f'a dict like val_dataloader{_WHY.get(name, "")}'
        raise EvaluationError('is missing', where=name, allowed=like)
    if not isinstance(cfg[name], Mapping):
        raise EvaluationError(where=name, got=cfg[name], allowed='a dict like val_dataloader')
    # Workers that live on would not be seeded again before the next reading.
    table = {**cfg[name], 'persistent_workers': False}
    if name == 'calibration_dataloader':
        shuffle = (cfg[name].get('sampler') or {}).get('shuffle', True)
        table['sampler'] = {'type': AllImages, 'shuffle': shuffle}
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        try:
            loader = Runner.build_dataloader(table, seed=SEED)
        except FileNotFoundError as error:
            raise EvaluationError(f'data is missing: {error}', where=name) from None
    if not len(loader.dataset):
        raise EvaluationError(
            'its dataset has no image', where=name, hint='look at data_root and data_prefix'
        )
    watch(loader.dataset)
    init = loader.worker_init_fn
    if name == 'calibration_dataloader' and isinstance(init, partial) and 'rank' in init.keywords:
        # Workers that draw random numbers would draw others in each process.
        loader.worker_init_fn = partial(init, rank=0)
    result: DataLoader[Any] = loader
    return result


class AllImages(DefaultSampler):
    """mmengine's sampler of one process, in each of several."""

    def __init__(self, dataset: Sized, shuffle: bool, seed: int | None = None) -> None:
        super().__init__(dataset, shuffle, seed, round_up=False)
        self.rank, self.world_size = 0, 1
        self.num_samples = self.total_size = len(dataset)


_WHY = {
    'search_dataloader': ', on images that are neither trained on nor reported',
    'calibration_dataloader': ', with images from the training set and its test pipeline',
}


def _fresh(batch: dict[str, Any]) -> dict[str, Any]:
    """The same tensors in new samples: a model writes its predictions into the samples it gets."""
    samples = batch.get('data_samples')
    if samples is None:
        return batch
    return {**batch, 'data_samples': [_new(sample) for sample in samples]}


def _new(sample: Any) -> Any:
    """As `sample.new()`, which copies each number and text of the metainfo, too: it takes long."""
    if not isinstance(sample, BaseDataElement):
        return sample.new()
    new = copy.copy(sample)
    own = vars(new)
    for name in ('_metainfo_fields', '_data_fields'):
        own[name] = set(own[name])
    for name in own['_metainfo_fields']:
        if not _is_fixed(own[name]):
            own[name] = copy.deepcopy(own[name])
    return new


def _is_fixed(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(part, _FIXED) for part in value)
    return isinstance(value, _FIXED)


_FIXED = (str, bytes, bool, int, float, type(None), np.generic)


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _num_bytes(value: Any) -> int:
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.nbytes
    if isinstance(value, BaseDataElement):
        return sum(map(_num_bytes, value.values()))
    if isinstance(value, Mapping):
        return sum(map(_num_bytes, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sum(map(_num_bytes, value))
    return 0
