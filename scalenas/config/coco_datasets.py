"""Which data sets of a config read COCO files, and what they make of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.registry import DATASETS

from .annotations import Wanted

READ_BY = {
    'BaseCocoStyleDataset': ('_load_annotations', 'parse_data_info'),
    'CocoDataset': ('load_data_list', 'parse_data_info'),
}
"""mmpose's and mmdet's class that reads COCO files, and the methods that do. A class that brings
its own, as those of MPII and LVIS do, reads another format."""

NOT_SCORED = ('train_dataloader', 'calibration_dataloader')
SCORING = {'mmpose': ('iscrowd', 'keypoints'), 'mmdet': ('iscrowd',)}
"""What COCO's tools look up in each annotation when they score, beside its area."""


def as_coco(
    cfg: Mapping[str, Any], dataset: Mapping[str, Any], where: str, hint: str
) -> Wanted | None:
    """What a data set expects of its COCO file; None where it reads something else.

    `hint` says how to get the data.
    """
    kind = dataset.get('type')
    if isinstance(kind, str):
        with DATASETS.switch_scope_and_registry(cfg.get('default_scope')) as registry:
            kind = registry.get(kind)
    name = dataset.get('ann_file')
    if not isinstance(kind, type) or not isinstance(name, str) or '://' in name:
        return None
    package = next((p for p in ('mmpose', 'mmdet') if _reads(kind, p)), None)
    if package is None:
        return None
    prefix = (dataset.get('data_prefix') or {}).get('img') or ''
    folder = Path(dataset.get('data_root') or '') / prefix
    metrics = _metrics(cfg, where)
    labelled = not (metrics and all(metric.get('format_only') for metric in metrics))
    fields = () if where in NOT_SCORED or not labelled else SCORING[package]
    area = package == 'mmdet' or (fields and all(m.get('use_area', True) for m in metrics))
    fields = (*fields, 'area') if area else fields
    if package == 'mmpose':
        about = kind._load_metainfo(dataset.get('metainfo'))  # type: ignore[attr-defined]
        return Wanted(where, folder, (), int(about['num_keypoints']), hint, fields, labelled)
    about = {**getattr(kind, 'METAINFO', {}), **(dataset.get('metainfo') or {})}
    classes = about.get('classes') or ()
    names = (classes,) if isinstance(classes, str) else tuple(classes)
    return Wanted(where, folder, names, 0, hint, fields, labelled)


def _metrics(cfg: Mapping[str, Any], loader: str) -> list[Mapping[str, Any]]:
    """The metrics of a loader's split that are described by a dict."""
    given = cfg.get(loader.replace('_dataloader', '_evaluator'))
    if given is None and loader == 'search_dataloader':
        given = cfg.get('val_evaluator')
    metrics = given if isinstance(given, list | tuple) else [given]
    return [metric for metric in metrics if isinstance(metric, Mapping)]


def _reads(kind: type, package: str) -> bool:
    """Whether the class reads files with the methods of that package's COCO class."""
    for base in kind.__mro__:
        if base.__module__.startswith(f'{package}.') and base.__name__ in READ_BY:
            methods = READ_BY[base.__name__]
            if all(name in vars(base) for name in methods):
                return all(getattr(kind, name) is getattr(base, name) for name in methods)
    return False
