"""COCO's scores of boxes and poses at full precision; -1 is no score, and nothing found is 0.

Both packages ask COCO's tools, which stop at an empty list of results, and give -1 where the
images hold nothing to find, such as no small object for `mAP_s`.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from mmengine.logging import MMLogger, print_log

NO_SCORE = -1


class _Exact(float):
    """A number that stays what it is when it is rounded."""

    def __round__(self, ndigits: Any = None) -> Any:
        return self


def score_exactly(metric: Any, module: str) -> None:
    """Lets a metric of COCO's tools, from a package's `module`, neither round nor print."""
    if comes_from(metric, module):
        metric.compute_metrics = partial(average_precision, metric, module)


def comes_from(metric: Any, module: str) -> bool:
    """Whether the class of a metric, or a base of it, is of this module, which stays unloaded."""
    return any(base.__module__ == module for base in type(metric).__mro__)


def average_precision(metric: Any, module: str, results: Sequence[Any]) -> dict[str, float]:
    """What the CocoMetric of a package's `module` computes, with tools that do not round.

    Names of what cannot be scored are left out.
    """
    with _exact(sys.modules[module]):
        values: dict[str, float] = type(metric).compute_metrics(metric, results)
    missing = [name for name, value in values.items() if value == NO_SCORE]
    if missing and missing != getattr(metric, 'scalenas_missing', None):
        metric.scalenas_missing = missing
        print_log(
            f'no score of {", ".join(missing)}: there is nothing that they could be of in the '
            'images that are shown',
            'current',
            30,
        )
    return {name: value for name, value in values.items() if value != NO_SCORE}


@contextlib.contextmanager
def _exact(module: Any) -> Iterator[None]:
    """The module's COCO tools exact, quiet, and at ease with empty results, for a while."""
    rounded, loads = module.COCOeval, module.COCO.loadRes

    class Unrounded(rounded):  # type: ignore[misc, valid-type]
        def summarize(self) -> None:
            super().summarize()
            self.stats: list[_Exact] = [_Exact(value) for value in self.stats]

    def load(truth: Any, given: Any) -> Any:
        if not isinstance(given, list) or given:
            return loads(truth, given)
        nothing = module.COCO()
        lists = {name: truth.dataset.get(name, []) for name in ('images', 'categories')}
        nothing.dataset = {**lists, 'annotations': []}
        nothing.createIndex()
        return nothing

    own = vars(module.COCO).get('loadRes')
    logger = MMLogger.get_current_instance()
    level, module.COCOeval, module.COCO.loadRes = logger.level, Unrounded, load
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        module.COCOeval = rounded
        if own is None:
            del module.COCO.loadRes
        else:
            module.COCO.loadRes = own
        logger.setLevel(level)
