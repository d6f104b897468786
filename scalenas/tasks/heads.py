"""Heads and metrics of a config by their places, and whether they count the same classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scalenas.errors import ConfigError


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


def table_of(part: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table under a key; an empty one where there is none."""
    found = part.get(key)
    return found if isinstance(found, Mapping) else {}


def class_count(head: Mapping[str, Any]) -> int | None:
    """`num_classes` of a head, None where it has none."""
    number = head.get('num_classes')
    return number if is_whole(number) else None


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


def check_loss_weights(head: Mapping[str, Any], place: str) -> None:
    """Pass when the losses of a head weigh as many classes as it has.

    Raises:
        ConfigError: for class weights of another number.
    """
    number = class_count(head)
    if number is None or head.get('out_channels') == 1:
        return
    for name in ('loss', 'loss_decode'):
        given = head.get(name)
        for loss in given if isinstance(given, list | tuple) else [given]:
            weights = loss.get('class_weight') if isinstance(loss, Mapping) else None
            if isinstance(weights, list | tuple) and len(weights) != number:
                raise ConfigError(
                    f'{len(weights)} weights',
                    where=f'{place}.{name}.class_weight',
                    got=weights,
                    allowed=f'{number}, one for each class',
                )


def is_whole(value: object) -> bool:
    """True for an int that is no flag."""
    return isinstance(value, int) and not isinstance(value, bool)
