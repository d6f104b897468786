"""Which data sets of a config read COCO files, and what they make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.registry import DATASETS

from scalenas.errors import DataError

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
COCO_METRICS = ('CocoMetric', 'FasterCocoMetric', 'OVCocoMetric', 'CocoOccludedSeparatedMetric')
SHOWN = ('filter_cfg', 'indices', 'sample_interval', 'test_mode', 'data_mode')
"""Arguments of data sets that say which of their rows are shown."""


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
    reader = None if package is None else _reader(kind, dataset, package)
    if package is None or reader is None:
        return None
    prefix = (dataset.get('data_prefix') or {}).get('img') or ''
    folder = Path(dataset.get('data_root') or '') / prefix
    metrics = metrics_of(cfg, where)
    labelled = not (metrics and all(metric.get('format_only') for metric in metrics))
    scored = where not in NOT_SCORED and labelled
    fields = SCORING[package] if scored else ()
    area = package == 'mmdet' or (fields and all(m.get('use_area', True) for m in metrics))
    crowded = scored and any(m.get('iou_type') == 'keypoints_crowd' for m in metrics)
    fields = (*fields, 'num_keypoints') if crowded else fields
    loads, masks = _masks(dataset)
    segm = scored and any('segm' in (metric.get('metric') or ()) for metric in metrics)
    wanted = Wanted(
        where,
        folder,
        reader,
        shows=' '.join(f'{name}={dataset.get(name)}' for name in SHOWN),
        hint=hint,
        fields=(*fields, 'area') if area else fields,
        labelled=labelled,
        learns=where == 'train_dataloader',
        scored=scored,
        crowd_index=crowded,
        masks=masks or ("CocoMetric(metric='segm')" if segm else ''),
        scores_masks=segm,
    )
    if package == 'mmpose':
        # Whoever shows people one by one shows none of a file without.
        learns = wanted.learns or reader.data_mode == 'topdown'
        return replace(wanted, keypoints=int(reader.metainfo['num_keypoints']), learns=learns)
    classes = reader.metainfo.get('classes') or ()
    if isinstance(classes, str):
        raise DataError(
            where=f'{where}.dataset.metainfo.classes',
            got=classes,
            allowed="a tuple of names, as ('tree',), or the path of a file with one name a line",
        )
    if other := [name for name in classes if not isinstance(name, str)]:
        raise DataError(
            where=f'{where}.dataset.metainfo.classes',
            got=other[0],
            allowed='names as text: those of the categories of the file',
            hint=f'write {str(other[0])!r}',
        )
    named = 'classes' in (dataset.get('metainfo') or {})
    return replace(wanted, classes=tuple(classes), named=named, loads_masks=loads)


def as_truth(wanted: Wanted) -> Wanted:
    """What a metric expects of a file of its own, beside the data set that it scores."""
    wanted.reader._indices = None
    where = wanted.where.replace('_dataloader', '_evaluator')
    return replace(wanted, where=where, folder=None, shows='', learns=False)


def truths_of(cfg: Mapping[str, Any], loader: str) -> Iterator[Path]:
    """Files that the metrics of a loader's split read as COCO's tools do."""
    for metric in metrics_of(cfg, loader):
        kind, name = str(metric.get('type')).rsplit('.', 1)[-1], metric.get('ann_file')
        if kind in COCO_METRICS and isinstance(name, str) and '://' not in name:
            yield Path(name)


def _reader(kind: type, dataset: Mapping[str, Any], package: str) -> Any:
    """The data set with nothing loaded, to ask it about rows; None when it cannot be built.

    Why not, the build of the run will say.
    """
    table = {name: value for name, value in dataset.items() if name not in ('type', '_scope_')}
    table |= {'lazy_init': True, 'pipeline': []}
    if package == 'mmpose':
        # In test mode it would tell mmpose's metrics which file is the truth.
        table |= {'test_mode': False, 'bbox_file': None}
    try:
        return kind(**table)
    except (TypeError, KeyError, ValueError, OSError, AssertionError):
        return None


def _masks(dataset: Mapping[str, Any]) -> tuple[Any, str]:
    """mmdet's transform that loads outlines, if one does, and what loads them, in words."""
    for part in _tables(dataset.get('pipeline')):
        name = str(part.get('type')).rsplit('.', 1)[-1]
        if name == 'LoadAnnotations' and part.get('with_mask'):
            from mmdet.datasets.transforms import LoadAnnotations

            loads = LoadAnnotations(with_mask=True, poly2mask=part.get('poly2mask', True))
            return loads, 'LoadAnnotations(with_mask=True)'
        if name in ('BottomupGetHeatmapMask', 'BottomupMask'):
            return None, name
    return None, ''


def _tables(value: Any) -> Iterator[Mapping[str, Any]]:
    """All tables in a pipeline, also those that wrap others."""
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _tables(item)


def metrics_of(cfg: Mapping[str, Any], loader: str) -> list[Mapping[str, Any]]:
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
