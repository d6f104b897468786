"""Under which names the metrics of a config come out of a validation, where that is known.

mmengine puts a metric's prefix before its names, and `scalenas.SubnetValLoop` the sub-net before
both: `largest/coco/AP`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DEFAULT_ARCHS = ('smallest', 'largest')
"""What `scalenas.SubnetValLoop` validates, if nobody says otherwise."""

Metric = Mapping[str, Any]


def subnet_name(choice: object, position: int) -> str:
    """How a sub-net that a config lists at this position (from 1) is called."""
    if isinstance(choice, str):
        return choice.replace('\\', '/').split('/')[-1].removesuffix('.yaml')
    return f'net{position}'


def subnet_names(loop: Mapping[str, Any]) -> list[str]:
    """The sub-nets of a `val_cfg`; none where it is not a SubnetValLoop."""
    if str(loop.get('type')).split('.')[-1] != 'SubnetValLoop':
        return []
    archs = loop.get('archs', DEFAULT_ARCHS)
    return [subnet_name(arch, n) for n, arch in enumerate(archs, 1)] if _listed(archs) else []


def metric_keys(evaluator: Any, scope: str | None) -> list[str] | None:
    """All names that an evaluator gives, in order; None where a metric is not known here.

    `scope` is the package whose metrics names without scope mean.
    """
    keys: list[str] = []
    for metric in evaluator if _listed(evaluator) else [evaluator]:
        if not isinstance(metric, Mapping):
            return None
        package, _, name = str(metric.get('type')).rpartition('.')
        rule = RULES.get((package or scope or '', name))
        try:
            found = None if rule is None else rule(metric)
        except (TypeError, ValueError):  # of options that are none; the build tells
            return None
        if found is None:
            return None
        keys += found
    return keys


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _prefixed(metric: Metric, default: str, names: Sequence[str]) -> list[str]:
    prefix = default if metric.get('prefix') is None else metric['prefix']
    return [f'{prefix}/{name}' if prefix else name for name in names]


def _words(value: Any) -> list[str]:
    return list(value) if _listed(value) else [value]


def _iou(metric: Metric) -> list[str]:
    given = {
        'mIoU': ['mIoU', 'mAcc'],
        'mDice': ['mDice', 'mAcc'],
        'mFscore': ['mFscore', 'mPrecision', 'mRecall'],
    }
    names = ['aAcc']
    for name in _words(metric.get('iou_metrics', ['mIoU'])):
        names += given.get(name, [])
    return [] if metric.get('format_only') else _prefixed(metric, '', list(dict.fromkeys(names)))


def _boxes(metric: Metric) -> list[str] | None:
    if metric.get('classwise') or metric.get('format_only'):
        return None
    items = metric.get('metric_items') or ['mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l']
    kinds = _words(metric.get('metric', 'bbox'))
    if not set(kinds) <= {'bbox', 'segm'}:
        return None
    return _prefixed(metric, 'coco', [f'{kind}_{item}' for kind in kinds for item in items])


def _poses(prefix: str) -> Callable[[Metric], list[str] | None]:
    def names(metric: Metric) -> list[str] | None:
        if metric.get('format_only'):
            return None
        sizes = ['AP (M)', 'AP (L)', 'AR', 'AR .5', 'AR .75', 'AR (M)', 'AR (L)']
        if metric.get('iou_type') == 'keypoints_crowd':
            sizes = ['AR', 'AR .5', 'AR .75', 'AP(E)', 'AP(M)', 'AP(H)']
        return _prefixed(metric, prefix, ['AP', 'AP .5', 'AP .75', *sizes])

    return names


def _pck(metric: Metric) -> list[str]:
    names = {'bbox': 'PCK', 'head': 'PCKh', 'torso': 'tPCK'}
    items = _words(metric.get('norm_item', 'bbox'))
    return _prefixed(metric, '', [names[i] for i in names if i in items])


def _mpii(metric: Metric) -> list[str] | None:
    if _words(metric.get('norm_item', 'head')) != ['head']:
        return None
    joints = ('Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle')
    return _prefixed(metric, '', [*(f'{joint} PCK' for joint in joints), 'PCK', 'PCK@0.1'])


def _one(name: str) -> Callable[[Metric], list[str]]:
    return lambda metric: _prefixed(metric, '', [name])


def _accuracy(metric: Metric) -> list[str] | None:
    if _listed(metric.get('thrs')):
        return None
    return _prefixed(metric, 'accuracy', [f'top{k}' for k in _words(metric.get('topk', (1,)))])


def _single_label(metric: Metric) -> list[str] | None:
    if _listed(metric.get('thrs')) or metric.get('average', 'macro') != 'macro':
        return None
    items = metric.get('items', ('precision', 'recall', 'f1-score'))
    return _prefixed(metric, 'single-label', _words(items))


RULES: Mapping[tuple[str, str], Callable[[Metric], list[str] | None]] = {
    ('mmseg', 'IoUMetric'): _iou,
    ('mmdet', 'CocoMetric'): _boxes,
    ('mmpose', 'CocoMetric'): _poses('coco'),
    ('mmpose', 'CocoWholeBodyMetric'): _poses('coco-wholebody'),
    ('mmpose', 'PCKAccuracy'): _pck,
    ('mmpose', 'MpiiPCKAccuracy'): _mpii,
    ('mmpose', 'AUC'): _one('AUC'),
    ('mmpose', 'EPE'): _one('EPE'),
    ('mmpose', 'NME'): _one('NME'),
    ('mmpretrain', 'Accuracy'): _accuracy,
    ('mmpretrain', 'SingleLabelMetric'): _single_label,
}
"""(package, metric) -> the names that it gives, in the order of its results; None: not told."""
