"""Which values the pixels of a segmentation label may have, and what is wrong with some.

mmseg reads any image as labels: what is no class ends as an IndexError of the loss, or as a score
that means nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scalenas.errors import DataError

BYTE = 255
"""What mmseg's `reduce_zero_label`, label maps and padding write for "no class"."""

LOSSY = ('.jpg', '.jpeg', '.webp')


@dataclass(frozen=True)
class LabelRule:
    """Classes are 0 ... num_classes - 1; pixels of `ignore` are neither trained on nor scored."""

    num_classes: int
    ignore: int | None = BYTE

    @property
    def allowed(self) -> str:
        """In words."""
        classes = f'0 ... {self.last}'
        return classes if self.ignore is None else f'{classes}, and {self.ignore} for no class'

    @property
    def last(self) -> int:
        """The highest class; heads of one channel tell two classes apart."""
        return max(self.num_classes - 1, 1)

    def fits(self, values: torch.Tensor) -> bool:
        """Whether it allows all; a fraction of what it takes to count them."""
        numbers = values.detach().cpu().long().contiguous().numpy()
        # As unsigned numbers negative ones are the highest.
        above = np.count_nonzero(numbers.view(np.uint64) > self.last)
        beyond = self.ignore is not None and not 0 <= self.ignore <= self.last
        return bool(above == (np.count_nonzero(numbers == self.ignore) if beyond else 0))

    def is_class(self, value: int) -> bool:
        """False for what is ignored."""
        return 0 <= value <= self.last and value != self.ignore

    def allows(self, value: int) -> bool:
        """True for a class, and for what is ignored."""
        return value == self.ignore or 0 <= value <= self.last


@dataclass(frozen=True)
class LabelMap:
    """What one label holds: number of pixels by value, and what is wrong with its form.

    reduced: whether `reduce_zero_label` was applied.
    """

    file: str
    pixels: Mapping[int, int] = field(default_factory=dict)
    fault: DataError | None = None
    reduced: bool = False


def read_label(
    label: Any,
    file: str,
    where: str,
    size: Sequence[int] | None,
    reduced: bool = False,
    uncounted: LabelRule | None = None,
) -> LabelMap:
    """Looks at a label as a data set gives it: (1, H, W), or (H, W).

    `size` is the (height, width) that it must have, None for any. What `uncounted` allows is not
    counted.
    """
    values = torch.as_tensor(label)
    at = f'{where}: {file}'
    shape = tuple(values.shape[1:] if values.ndim == 3 and values.shape[0] == 1 else values.shape)
    if len(shape) != 2:
        fault = DataError(
            'the label is not two-dimensional',
            where=at,
            got=shape,
            allowed='one number for each pixel, (height, width)',
            hint='save the numbers of the classes, not their colours, in one channel; of a palette '
            "LoadAnnotations(imdecode_backend='pillow') reads the numbers",
        )
        return LabelMap(file, fault=fault, reduced=reduced)
    if values.is_floating_point() or values.is_complex():
        fault = DataError('labels must be whole numbers', where=at, got=str(values.dtype))
        return LabelMap(file, fault=fault, reduced=reduced)
    problem = None
    if size is not None and shape != tuple(size):
        problem = size_fault(at, shape, tuple(size))
    if uncounted is not None and values.numel() and uncounted.fits(values):
        return LabelMap(file, {}, problem, reduced)
    return LabelMap(file, pixels_by_value(values), problem, reduced)


def size_fault(at: str, shape: tuple[int, ...], size: tuple[int, ...]) -> DataError:
    """A label and an image that do not lie on each other; both (height, width)."""
    hint = 'give the label of this image'
    if shape == size[::-1]:
        hint = 'they are turned: images are turned as their EXIF says, labels are not'
    return DataError(
        'the label is of another size than its image',
        where=at,
        got=shape,
        allowed=f'{size}, (height, width)',
        hint=hint,
    )


def pixels_by_value(values: torch.Tensor) -> dict[int, int]:
    """How often each value comes."""
    flat = values.detach().flatten().cpu().long()
    if not len(flat):
        return {}
    low, high = (int(v) for v in flat.aminmax())
    if low >= 0 and high < 2**16:
        counts = torch.bincount(flat)
        kept = counts.nonzero().flatten()
        return dict(zip(kept.tolist(), counts[kept].tolist(), strict=True))
    unique, times = np.unique(flat.numpy(), return_counts=True)
    return dict(zip(unique.tolist(), times.tolist(), strict=True))


def check_maps(maps: Iterable[LabelMap], rule: LabelRule, where: str) -> Counter[int]:
    """Pass when all are right by themselves; pixels by value, of all.

    Raises:
        DataError: names the first wrong file and its values; what to do follows from all files.
    """
    total: Counter[int] = Counter()
    wrong: LabelMap | None = None
    for one in maps:
        if one.fault is not None:
            raise one.fault
        total.update(one.pixels)
        if wrong is None and not all(rule.allows(value) for value in one.pixels):
            wrong = one
    if wrong is not None:
        values = sorted(value for value in wrong.pixels if not rule.allows(value))
        raise DataError(
            'the label has values that are no class',
            where=f'{where}: {wrong.file}',
            got=values,
            allowed=rule.allowed,
            hint=_likely(total, rule, wrong),
        )
    return total


def _likely(total: Mapping[int, int], rule: LabelRule, wrong: LabelMap) -> str:
    """What to do, by the values of all labels."""
    values = {value for value in total if value != rule.ignore}
    if Path(wrong.file).suffix.lower() in LOSSY:
        return f'{Path(wrong.file).suffix} changes values: save labels as PNG'
    if BYTE in values and values <= {0, BYTE} and not wrong.reduced:
        return 'a mask of 0 and 255: write 1 for 255'
    after = rule.last + 1
    if max(values) == after and min(values) >= 0 and not wrong.reduced:
        if 0 not in values:
            return (
                'labels seem to count from 1: set reduce_zero_label=True of the dataset, which '
                f'makes them 0 ... {after - 1}'
            )
        return (
            'if 0 is no class, set reduce_zero_label=True of the dataset; if it is one, there are '
            f'{after + 1} classes'
        )
    return 'labels are the numbers of the classes, from 0'


def check_variety(total: Mapping[int, int], rule: LabelRule, where: str, reduced: bool) -> None:
    """Pass unless labels, taken together, hold less than two classes: nothing could be learned.

    Raises:
        DataError: says which class, and why it may be so.
    """
    present = [value for value in total if rule.is_class(value)]
    if len(present) > 1 or rule.num_classes < 2:
        return
    ignored = total.get(rule.ignore, 0) if rule.ignore is not None else 0
    hint = 'give the labels of these images, with at least two classes'
    if ignored and not reduced and rule.ignore == BYTE:
        hint = (
            f'{BYTE} means "no class", and is not looked at: if it is one, as in masks of 0 and '
            f'{BYTE}, write 1 for {BYTE}'
        )
    elif ignored and reduced:
        hint = 'reduce_zero_label=True makes 0 "no class": leave it out if 0 is a class'
    elif present == [1] and not reduced:
        hint = 'if labels count from 1, set reduce_zero_label=True of the dataset'
    raise DataError(
        f'all labels are {rule.ignore}, no class' if not present else 'all labels are of one class',
        where=where,
        got=sorted(total),
        allowed=f'at least two classes of {rule.allowed}',
        hint=hint,
    )


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
