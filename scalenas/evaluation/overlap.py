"""Do two splits share pictures? Asked of the datasets as they were built, not of their configs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.logging import print_log
from mmengine.registry import DATASETS, DefaultScope

from scalenas.errors import UserError
from scalenas.tasks import check_data

MISUSED = {
    'test_dataloader': 'what a search finds there is too good to report',
    'val_dataloader': 'it must not be reported, either: a search fits itself to it',
    'train_dataloader': 'the supernet knows them, its sub-nets are told apart by what they recall',
}
"""Loader -> why a search on its pictures misleads."""


def warn_of_overlap(searched: Any, cfg: Mapping[str, Any]) -> None:
    """One warning for each split that shares pictures with the dataset `searched`.

    A search needs none of the other splits: one that is not there is not compared, and a line
    says so. Datasets that name no pictures cannot be compared.
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
    """Real paths of all pictures of a built dataset; empty when it names none."""
    return {os.path.realpath(path) for path in _paths(dataset)}


def _paths(dataset: Any) -> Iterator[str]:
    get = getattr(dataset, 'get_data_info', None)
    if get is None:
        return
    for i in range(len(dataset)):
        path = get(i).get('img_path')
        if isinstance(path, str):
            yield path
