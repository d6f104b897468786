"""Which data sets of a config read COCO files, what they make of them, and their check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scalenas.config.described import class_of, described, is_local
from scalenas.config.walk import tables_in

from ..heads import kind, metrics
from .annotations import Wanted, check_annotations
from .detected_boxes import check_detected

NOT_SCORED = ('train_dataloader', 'calibration_dataloader')
COCO_METRICS = ('CocoMetric', 'FasterCocoMetric', 'OVCocoMetric', 'CocoOccludedSeparatedMetric')
SHOWN = ('filter_cfg', 'indices', 'sample_interval', 'test_mode', 'data_mode')
"""Arguments of data sets that say which of their rows are shown."""


@dataclass(frozen=True)
class Reading:
    """How a package reads COCO files.

    package: its import name; base: its class that does, and `methods` that do it: a class that
    brings its own, as those of MPII and LVIS do, reads another format. scored: what COCO's tools
    look up in each annotation when they score, besides its area; area: whether training reads that.
    lazily: arguments with which the class tells of rows without touching anything else.
    """

    package: str
    base: str
    methods: tuple[str, ...]
    scored: tuple[str, ...]
    area: bool
    lazily: Mapping[str, Any] = field(default_factory=dict)

    def reads(self, kind: type) -> bool:
        """Whether the class reads files with the methods of the package's own."""
        for base in kind.__mro__:
            own = base.__module__.startswith(f'{self.package}.') and base.__name__ == self.base
            if own and all(name in vars(base) for name in self.methods):
                return all(getattr(kind, name) is getattr(base, name) for name in self.methods)
        return False


def as_coco(
    cfg: Mapping[str, Any], dataset: Mapping[str, Any], where: str, hint: str, reading: Reading
) -> Wanted | None:
    """What a data set expects of its COCO file; None where it reads something else.

    `hint` says how to get the data.
    """
    reader_class = class_of(dataset, cfg.get('default_scope'))
    name = dataset.get('ann_file')
    if reader_class is None or not isinstance(name, str) or '://' in name:
        return None
    reader = _reader(reader_class, dataset, reading) if reading.reads(reader_class) else None
    if reader is None:
        return None
    prefix = (dataset.get('data_prefix') or {}).get('img') or ''
    folder = Path(dataset.get('data_root') or '') / prefix
    given = [metric for _, metric in metrics(cfg, where)]
    labelled = not (given and all(metric.get('format_only') for metric in given))
    scored = where not in NOT_SCORED and labelled
    fields = reading.scored if scored else ()
    area = reading.area or (fields and all(m.get('use_area', True) for m in given))
    crowded = scored and any(m.get('iou_type') == 'keypoints_crowd' for m in given)
    fields = (*fields, 'num_keypoints') if crowded else fields
    masks = _masks(dataset)
    segm = scored and any('segm' in (metric.get('metric') or ()) for metric in given)
    return Wanted(
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


def as_truth(wanted: Wanted) -> Wanted:
    """What a metric expects of a file of its own, besides the data set that it scores."""
    wanted.reader._indices = None
    where = wanted.where.replace('_dataloader', '_evaluator')
    return replace(wanted, where=where, folder=None, shows='', learns=False)


def truths_of(cfg: Mapping[str, Any], loader: str) -> Iterator[Path]:
    """Files that the metrics of a loader's split read as COCO's tools do."""
    for _, metric in metrics(cfg, loader):
        name = metric.get('ann_file')
        if kind(metric) in COCO_METRICS and isinstance(name, str) and '://' not in name:
            yield Path(name)


def _reader(reader_class: type, dataset: Mapping[str, Any], reading: Reading) -> Any:
    """The data set with nothing loaded, to ask it about rows; None when it cannot be built.

    Why not, the build of the run will say.
    """
    table = {name: value for name, value in dataset.items() if name not in ('type', '_scope_')}
    table |= {'lazy_init': True, 'pipeline': [], **reading.lazily}
    try:
        return reader_class(**table)
    except (TypeError, KeyError, ValueError, OSError, AssertionError):
        return None


def _masks(dataset: Mapping[str, Any]) -> str:
    """What in the pipeline loads outlines, in words; '' where nothing does."""
    for _, part in tables_in(dataset.get('pipeline')):
        if kind(part) == 'LoadAnnotations' and part.get('with_mask'):
            return 'LoadAnnotations(with_mask=True)'
        if kind(part) in ('BottomupGetHeatmapMask', 'BottomupMask'):
            return kind(part)
    return ''


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
                # Of the same data set two dataloaders ask the same.
                if path.exists() and (path, replace(wanted, where='')) not in good:
                    check_annotations(path, wanted)
                    good.add((path, replace(wanted, where='')))
                if path.exists() and dataset.get('bbox_file'):
                    check_detected(Path(dataset['bbox_file']), path, loader)
        for path in truths_of(cfg, loader) if scored else ():
            if path.resolve() not in scored:
                *_, wanted = scored.values()
                check_annotations(path, as_truth(wanted))
