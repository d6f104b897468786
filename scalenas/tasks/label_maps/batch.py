"""Is a batch fit to be trained on or scored? A sample was looked at before, here is the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scalenas.errors import DataError

from .labels import LabelMap, LabelRule, check_maps, read_label


def check_batch(
    batch: Mapping[str, Any],
    rule: LabelRule,
    where: str,
    size: object = None,
    count: bool = False,
) -> Counter[int]:
    """Pass when the images of a batch are of one size, and their labels fit.

    With `count` gives how often each value comes.

    `batch` is what a dataloader gives, or what a preprocessor made of it. Other tasks' batches and
    images without labels pass, and any labels of calibration, which nobody reads. `where` is the
    variable of the dataloader; of a training, `size` is what its preprocessor pads to.

    Raises:
        DataError: names the file.
    """
    samples, images = batch.get('data_samples'), batch.get('inputs')
    if not isinstance(samples, list | tuple) or not samples or images is None:
        return Counter()
    if isinstance(samples[0], list | tuple):  # of test time augmentation: one row each
        samples, images = samples[0], images[0]
    shapes = [tuple(getattr(image, 'shape', ())[-2:]) for image in images]
    trained = where == 'train_dataloader'
    files = [_file(sample) for sample in samples]
    if len(padded(shapes, size) if trained else set(shapes)) > 1:
        raise size_of_batch(dict(zip(shapes, files, strict=False)), len(shapes), where)
    maps: list[LabelMap] = []
    if where == 'calibration_dataloader':
        return Counter()
    for sample, shape, file in zip(samples, shapes, files, strict=False):
        if 'gt_sem_seg' not in sample:
            continue
        about = sample.metainfo
        # A prediction is brought to the size of the file.
        expected = shape if trained else about.get('ori_shape')
        reduced = bool(about.get('reduce_zero_label'))
        label = sample.gt_sem_seg.data
        uncounted = None if count else rule
        maps.append(read_label(label, file, where, expected, reduced, uncounted))
    return check_maps(maps, rule, where)


def size_of_batch(sizes: Mapping[tuple[int, ...], str], batch: int, where: str) -> DataError:
    """Images of several sizes, (height, width) -> one that has it, where one is needed."""
    (one, file), (other, second) = list(sizes.items())[:2]
    return DataError(
        f'images of a batch must be of one size: {file} is {one}, {second} is {other}',
        where=f'{where}.batch_size',
        got=batch,
        allowed='1, for images of several sizes',
        hint='or bring them to one size in the pipeline, with Resize or RandomCrop',
    )


def padded(shapes: Sequence[tuple[int, ...]], size: object) -> set[tuple[int, ...]]:
    """What mmseg's preprocessor makes of images of these sizes when it trains."""
    if not isinstance(size, Sequence) or not size:
        return {(0, 0)}  # it pads to the largest of the batch
    return {(max(h, size[0]), max(w, size[-1])) for h, w in shapes}


def _file(sample: Any) -> str:
    about = sample.metainfo
    return str(about.get('seg_map_path') or about.get('img_path') or 'an image')
