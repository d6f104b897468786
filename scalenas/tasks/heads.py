"""How many classes the heads of a config tell apart, and whether the rest of it agrees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scalenas.errors import ConfigError

from .label_maps.labels import BYTE, LabelRule

OF_EDGES = ('STDCHead',)
"""Auxiliary heads of mmseg that find the edges of classes, not the classes."""

OF_MASKS = ('SideAdapterCLIPHead',)
"""Heads of mmseg whose losses know one class more: no object."""

SIZED = ('ConfusionMatrix', 'SingleLabelMetric', 'MultiLabelMetric')
"""Metrics of mmpretrain that are told how many classes there are."""


def task_model(cfg: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Place and content of the task model, without the SuperNet around it."""
    place, model = 'model', cfg.get('model') or {}
    while isinstance(model, Mapping) and isinstance(model.get('architecture'), Mapping):
        place, model = f'{place}.architecture', model['architecture']
    return place, model if isinstance(model, Mapping) else {}


def heads(cfg: Mapping[str, Any], *names: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and content of every head that is described under one of these names."""
    place, model = task_model(cfg)
    for name in names:
        given = model.get(name)
        if isinstance(given, Mapping):
            yield f'{place}.{name}', given
        elif isinstance(given, list | tuple):
            for i, head in enumerate(given):
                if isinstance(head, Mapping):
                    yield f'{place}.{name}[{i}]', head


def metrics(cfg: Mapping[str, Any], loader: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Place and content of the metrics that score the pictures of a loader."""
    name = loader.replace('_dataloader', '_evaluator')
    if name == 'search_evaluator' and cfg.get(name) is None:
        name = 'val_evaluator'
    given = cfg.get(name)
    if isinstance(given, Mapping) and 'type' not in given and 'metrics' in given:
        given = given['metrics']
    found = given if isinstance(given, list | tuple) else [given]
    return [(name, metric) for metric in found if isinstance(metric, Mapping)]


def kind(part: object) -> str:
    """Name of the class that a table describes, without its scope; '' for no table."""
    name = part.get('type', '') if isinstance(part, Mapping) else ''
    return name.split('.')[-1] if isinstance(name, str) else getattr(name, '__name__', '')


def label_rule(cfg: Mapping[str, Any], loader: str) -> LabelRule | None:
    """What a label of this loader may hold; None where no head says how many classes there are.

    Training ignores what the head says, a score what its metric says.

    Raises:
        ConfigError: when heads disagree about the number of classes.
    """
    found = [(place, head) for place, head in heads(cfg, 'decode_head') if _count(head) is not None]
    if not found:
        return None
    first, head = found[0]
    number = _count(head)
    others = [
        (place, part)
        for place, part in heads(cfg, 'auxiliary_head')
        if kind(part) not in OF_EDGES and _count(part) is not None
    ]
    for place, part in (*found[1:], *others):
        if _count(part) != number:
            raise ConfigError(
                where=f'{place}.num_classes',
                got=part['num_classes'],
                allowed=f'{number}, as {first}.num_classes',
            )
    ignore: Any = head.get('ignore_index', BYTE)
    if loader != 'train_dataloader':
        scoring = [m for _, m in metrics(cfg, loader) if kind(m).endswith('IoUMetric')]
        ignore = scoring[0].get('ignore_index', BYTE) if scoring else ignore
    return LabelRule(number or 0, ignore if _whole(ignore) else None)


def check_class_count(number: int, place: str, classes: object, where: str) -> None:
    """Pass when a head has an output for each class of a data set, and no other.

    Raises:
        ConfigError: names both.
    """
    if isinstance(classes, Sequence) and not isinstance(classes, str) and len(classes) != number:
        raise ConfigError(
            where=place,
            got=number,
            allowed=f'{len(classes)}, as many as {where}.dataset has classes',
            hint='of your own data give dataset.metainfo=dict(classes=(...)), too',
        )


def check_heads(cfg: Mapping[str, Any], loaders: Sequence[str]) -> None:
    """Pass when losses and metrics are made for as many classes as the head.

    Raises:
        ConfigError: for class weights of another number, and a top-k of more classes than there
            are.
    """
    for place, head in heads(cfg, 'decode_head', 'auxiliary_head', 'head'):
        number = _count(head)
        if number is None:
            continue
        for name in ('loss', 'loss_decode'):
            given = head.get(name)
            for loss in given if isinstance(given, list | tuple) else [given]:
                if isinstance(loss, Mapping):
                    _check_weights(loss, number, f'{place}.{name}', head)
    for place, head in heads(cfg, 'head'):
        number = _count(head)
        if number is None:
            continue
        if head.get('cal_acc'):
            _check_topk(head, number, place)
        for loader in loaders:
            for name, metric in metrics(cfg, loader) if loader != 'train_dataloader' else []:
                if kind(metric) == 'Accuracy':
                    _check_topk(metric, number, name)
                sized = metric.get('num_classes') if kind(metric) in SIZED else None
                if _whole(sized) and sized != number:
                    raise ConfigError(
                        where=f'{name}.num_classes',
                        got=sized,
                        allowed=f'{number}, as {place}.num_classes',
                    )


def _check_weights(
    loss: Mapping[str, Any], number: int, place: str, head: Mapping[str, Any]
) -> None:
    weights = loss.get('class_weight')
    if not isinstance(weights, list | tuple) or head.get('out_channels') == 1:
        return
    if kind(head) in OF_MASKS:
        return
    if len(weights) != number:
        raise ConfigError(
            f'{len(weights)} weights',
            where=f'{place}.class_weight',
            got=weights,
            allowed=f'{number}, one for each class',
        )


def _check_topk(part: Mapping[str, Any], number: int, place: str) -> None:
    given = part.get('topk', (1,))
    values = given if isinstance(given, list | tuple) else (given,)
    if not values or not all(_whole(k) and 1 <= k <= number for k in values):
        raise ConfigError(
            where=f'{place}.topk',
            got=given,
            allowed=f'numbers from 1 to {number}, the classes of the head',
        )


def _count(head: Mapping[str, Any]) -> int | None:
    number = head.get('num_classes')
    return number if _whole(number) else None


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
