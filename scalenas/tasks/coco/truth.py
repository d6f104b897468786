"""A metric of COCO's tools scores the pictures that its loader shows, and no others.

Metrics with an annotation file of their own count every object of that file: of a loader that
shows a part, the rest would be misses. Here the built metric is told what is shown. Nothing is
scored by a file that cannot score it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from scalenas.errors import DataError, short

from ..loading import leaves

Fit = Callable[[Any, Any, Sequence[Mapping[str, Any]], str], None]
"""Of a metric, the data set, what that says of each picture or person, and the place."""


def fit_truth(metrics: Sequence[Any], loader: Any, where: str, fit: Fit) -> None:
    """Let metrics of COCO's kind score what `loader` shows, each by `fit`.

    `where` is the variable of the config that describes the metrics.

    Raises:
        DataError: when the truth is of other pictures or classes, or has nothing to score.
    """
    if all(getattr(metric, 'format_only', False) for metric in metrics):
        return
    if getattr(loader, 'drop_last', False) and len(loader.dataset) % (loader.batch_size or 1):
        raise DataError(
            where=where,
            hint='set drop_last=False in the loader, which leaves out '
            'pictures of the last batch that the metric would count as misses',
        )
    shown = list(_shown(loader.dataset))
    if not shown:
        return
    for metric in metrics:
        fit(metric, loader.dataset, shown, where)


def check_scores(rows: Sequence[Any], where: str) -> None:
    """Pass when there is an object to score."""
    if not rows:
        raise DataError(
            'nothing in the pictures of its loader can be scored: no object of a class, or all are '
            'crowds; every net would score -1, which is no score',
            where=where,
        )


def check_once(keys: Sequence[Any], kind: str, where: str) -> None:
    """Pass when a loader shows no picture or person twice."""
    key, times = Counter(keys).most_common(1)[0]
    if times > 1:
        raise DataError(
            f'the loader shows {times} {kind}s of id {key}: what is found in one would be scored '
            'by the labels of all',
            where=where,
            hint='show each once, and give files of one loader ids of their own',
        )


def check_names(truth: Any, shown: Sequence[Mapping[str, Any]], where: str) -> None:
    """Pass when every shown picture is the one that the truth has under its id."""
    for info in shown:
        image = truth.imgs.get(info['img_id'])
        mine = Path(str(info.get('img_path', ''))).name
        # A truth that a metric gathered from its samples has no names.
        given = mine if image is None else image.get('file_name') or mine
        if image is None or Path(given).name != mine:
            other = 'no picture' if image is None else short(given)
            raise DataError(
                f'the truth has {other} under the id {info["img_id"]} of {short(mine)}',
                where=where,
                hint='give ann_file of the evaluator that of its loader',
            )


def check_samples_tell(dataset: Any, key: str, where: str) -> None:
    """Pass when samples carry the truth to a metric that has no file."""
    for leaf in leaves(dataset):
        transforms = getattr(leaf.pipeline, 'transforms', ())
        keys = getattr(transforms[-1], 'meta_keys', None) if transforms else None
        if keys is not None and key not in keys:
            raise DataError(
                f'has no ann_file, and the samples do not carry {key!r}',
                where=where,
                hint=f'give it ann_file, or the last transform {key!r} in meta_keys',
            )


def _shown(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """What a built data set says of each picture or person; nothing where it tells no ids."""
    plain = isinstance(dataset, BaseDataset)
    read = BaseDataset.get_data_info if plain else getattr(type(dataset), 'get_data_info', None)
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _shown(part)
    elif read is not None:
        for number in range(len(dataset)):
            info = read(dataset, number)
            if 'img_id' not in info:
                return
            yield info
