"""Values that run to nothing are refused, and none that a stock config has."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.config import Config

from scalenas.config import check_hints, check_values
from scalenas.config.parts import fits
from scalenas.errors import ConfigError
from scalenas.tasks import check_metrics

from ..configs.shipped import CONFIGS, read
from ..fuzz.config_parts import SHIPPED, put
from ..fuzz.config_values import RIGHT, WRONG


def checked(cfg: Config) -> None:
    check_values(cfg)
    check_metrics(cfg)


@pytest.mark.parametrize('place', [p for p in WRONG if not p.endswith('save_best')])
def test_a_value_that_makes_no_run_is_named(place: str) -> None:
    for value in WRONG[place]:
        cfg = read(SHIPPED[0])
        put(cfg, place, value)
        # A worker that lives on is wrong only where there is none.
        if value is True and place.endswith('persistent_workers'):
            cfg.train_dataloader.num_workers = 0
        if value is None and '.' not in place:
            continue
        with pytest.raises(ConfigError) as error:
            checked(cfg)
        assert error.value.where in (place, place.rpartition('.')[0])


@pytest.mark.parametrize('place', RIGHT)
def test_a_value_that_makes_one_passes_and_stays(place: str) -> None:
    for value in RIGHT[place]:
        cfg, same = read(SHIPPED[0]), read(SHIPPED[0])
        put(cfg, place, value)
        put(same, place, value)
        checked(cfg)
        assert cfg.to_dict() == same.to_dict()


@pytest.mark.parametrize('items', [['mAPP'], [], 'mAP', 3, ['mAP', 'AP']])
def test_items_that_coco_does_not_know(items: Any) -> None:
    """mmdet finds them out at the end of the first validation."""
    cfg = read('configs/scalenas_det/trees/faster_rcnn_w16_1xb4-250_trees-256x256.py')
    cfg.val_evaluator.metric_items = items
    with pytest.raises(ConfigError) as error:
        checked(cfg)
    assert (error.value.where, error.value.got) == ('val_evaluator.metric_items', items)
    for right in (None, ['mAP', 'AR@100']):
        cfg.val_evaluator.metric_items = right
        checked(cfg)


@pytest.mark.parametrize('top', [True, False])
def test_what_images_are_divided_by(top: bool) -> None:
    """At the top, as mmpretrain's configs have it, or in the model."""
    place = 'data_preprocessor' if top else 'model.architecture.data_preprocessor'
    for key, value, is_right in (
        ('std', [1.0, 0, 1.0], False),
        ('std', (1.0, -2.0, 1.0), False),
        ('std', ['x'], False),
        ('std', 'x', False),
        ('mean', [True], False),
        ('mean', [-5, 0, 1.5], True),
        ('std', (1e-3, 255, 1.0), True),
        ('std', None, True),
    ):
        cfg = Config({'model': {'architecture': {}}})
        put(cfg, f'{place}.{key}', value)
        if is_right:
            checked(cfg)
            continue
        with pytest.raises(ConfigError) as error:
            checked(cfg)
        assert error.value.where == f'{place}.{key}'


@pytest.mark.parametrize('config', CONFIGS)
def test_shipped_configs_pass_and_stay_as_they_are(config: str) -> None:
    cfg = read(config)
    checked(cfg)
    check_hints(cfg)
    assert cfg.to_dict() == read(config).to_dict()


@pytest.mark.parametrize(
    ('hint', 'right', 'wrong'),
    [
        (bool, (True, False), (0, 1, 'x', None)),
        (int, (0, -3), (True, 2.5, 'x')),
        (float, (0, 2.5), (True, 'x', None)),
        (str | None, ('', None), (3, [])),
        (tuple[int, int], ((1, 2), [1, 2]), ((1,), (1, 'x'), 3)),
        (tuple[int, ...], ((), [1, 2, 3]), (['x'], 1)),
        (dict[str, Any], ({}, {'x': 3}), ([], 'x')),
        (list[int] | int, ([1], 1), ('x', ['x'])),
        (Any, (None, 3, []), ()),
    ],
)
def test_what_fits_a_hint(hint: Any, right: tuple[Any, ...], wrong: tuple[Any, ...]) -> None:
    assert [fits(value, hint) for value in right] == [True] * len(right)
    assert [fits(value, hint) for value in wrong] == [False] * len(wrong)


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        ('model.architecture.backbone.with_cp', 'no'),
        ('model.architecture.backbone.norm_eval', 1),
        ('model.child_decay', 'x'),
        ('model.architecture.backbone.frozen_stages', 'all'),
    ],
)
def test_an_argument_of_another_type_is_named(place: str, value: object) -> None:
    cfg = read(SHIPPED[0])
    put(cfg, place, value)
    with pytest.raises(ConfigError) as error:
        check_hints(cfg)
    assert (error.value.where, error.value.got) == (place, value)
