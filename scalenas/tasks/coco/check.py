"""All COCO files that the loaders of a config name, each looked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scalenas.config.described import described, is_local

from .annotations import Wanted, check_annotations
from .datasets import as_truth, truths_of
from .detected_boxes import check_detected

WantedOf = Callable[[Mapping[str, Any], str], Wanted | None]
"""Of a data set and its loader: what it expects of its file, None where it reads another format."""


def check_coco(cfg: Mapping[str, Any], loaders: Sequence[str], wanted_of: WantedOf) -> None:
    """Pass when the files of data sets, metrics and detectors are good to learn from or to score.

    Raises:
        DataError: names the file, and the first thing that is wrong in it.
    """
    good: set[tuple[Path, Wanted]] = set()
    for loader in loaders:
        scored: dict[Path, Wanted] = {}
        for dataset in described((cfg.get(loader) or {}).get('dataset')):
            wanted = wanted_of(dataset, loader) if is_local(dataset) else None
            if wanted is not None:
                path = Path(dataset.get('data_root') or '') / dataset['ann_file']
                scored[path.resolve()] = wanted
                # Of the same data set two loaders ask the same.
                if path.exists() and (path, replace(wanted, where='')) not in good:
                    check_annotations(path, wanted)
                    good.add((path, replace(wanted, where='')))
                if path.exists() and dataset.get('bbox_file'):
                    check_detected(Path(dataset['bbox_file']), path, loader)
        for path in truths_of(cfg, loader) if scored else ():
            if path.resolve() not in scored:
                *_, wanted = scored.values()
                check_annotations(path, as_truth(wanted))
