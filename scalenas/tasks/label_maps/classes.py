"""Are all classes in the split that a search scores on? One that is not makes a mean a lottery.

A class that is nowhere is left out of a mean over classes, until a network finds it in a single
pixel: then it counts as 0. Which networks lose those points is chance.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmengine.logging import print_log

from scalenas.errors import EvaluationError

from .areas import is_iou
from .batch import check_batch
from .labels import LabelRule

BY_PREDICTION = ('mIoU', 'mDice', 'mPrecision')
"""Means that a class without a true pixel enters when it is found somewhere."""

PATIENCE = 5.0


def check_classes(
    cfg: Mapping[str, Any], batches: Iterable[Any], metrics: Sequence[Any], rule: LabelRule
) -> None:
    """Pass when every class is in an image of `batches`, or the searched metric does not mind.

    All labels are read, and looked at; `batches` are those that candidates are scored on.

    Raises:
        EvaluationError: names the classes that are not there.
        DataError: for a label that does not fit.
    """
    search = cfg.get('search')
    aims = search.get('objectives') if isinstance(search, Mapping) else None
    searched = [aim if isinstance(aim, str) else aim[0] for aim in aims or ()]
    minded = [name for name in searched if name.split('/')[-1] in BY_PREDICTION]
    scored = [metric for metric in metrics if is_iou(metric)]
    # With `nan_to_num=0` a class that is nowhere always counts as 0.
    if not scored or not minded or scored[0].nan_to_num == 0:
        return
    names = (scored[0].dataset_meta or {}).get('classes') or range(rule.num_classes)
    pixels = _pixels(batches, rule)
    absent = [str(names[i]) for i in range(len(names)) if not pixels[i] and i != rule.ignore]
    if absent:
        raise EvaluationError(
            f'no image holds {", ".join(absent[:5])}{", ..." if len(absent) > 5 else ""}: '
            f'{minded[0]} would fall by {100 / len(names):.3g} or so with the first pixel that a '
            'network takes for it',
            where='search_dataloader',
            got=f'{len(names) - len(absent)} of {len(names)} classes',
            allowed='a split that holds all classes',
            hint="add images, or set search.classes='present' to score over the classes that are "
            'there',
        )


def _pixels(batches: Iterable[Any], rule: LabelRule) -> Counter[int]:
    total: Counter[int] = Counter()
    start, said = time.monotonic(), False
    for count, batch in enumerate(batches, 1):
        total += check_batch(batch, rule, 'search_dataloader', count=True)
        if not said and time.monotonic() - start > PATIENCE:
            said = True
            print_log(f'search_dataloader: counting classes, {count} batches read', 'current')
    return total
