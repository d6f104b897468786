"""Which parts of a config a study belongs to, and how a difference is told."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from scalenas.search.fingerprint import as_plain, difference, what_counts


def test_a_function_is_the_same_in_every_run() -> None:
    assert as_plain({'collate_fn': copy.copy, 'kind': Path}) == {
        'collate_fn': 'copy.copy',
        'kind': "<class 'pathlib.Path'>",
    }


CFG: dict[str, Any] = {
    'model': {
        'type': 'SuperNet',
        'init_from': {'checkpoint': 'teacher.pth'},
        'distillation': {'weight': 1.0},
        'sampler': {'type': 'grouped'},
        'architecture': {'test_cfg': {'mode': 'whole'}},
    },
    'val_evaluator': {'type': 'IoUMetric', 'ignore_index': 255},
    'search_dataloader': {
        'num_workers': 2,
        'persistent_workers': True,
        'pin_memory': True,
        'dataset': {'pipeline': [{'type': 'Load'}, {'type': 'Resize', 'scale': (64, 64)}]},
    },
    'calibration_dataloader': {'num_workers': 2, 'dataset': {'spread': 2}},
    'train_dataloader': {'batch_size': 2},
}


def changed(place: str, value: object) -> dict[str, Any]:
    cfg = copy.deepcopy(CFG)
    *path, last = place.split('.')
    table: Any = cfg
    for name in path:
        table = table[int(name)] if name.isdigit() else table.setdefault(name, {})
    table[last] = value
    return cfg


@pytest.mark.parametrize(
    ('place', 'value', 'told'),
    [
        (
            'val_evaluator.ignore_index',
            0,
            'evaluator.ignore_index is 255 there and 0 here',
        ),
        ('search_evaluator.type', 'Dice', 'evaluator.type is IoUMetric there and Dice here'),
        (
            'model.architecture.test_cfg.mode',
            'slide',
            'model.architecture.test_cfg.mode is whole there and slide here',
        ),
        (
            'search_dataloader.dataset.pipeline.1.scale',
            (64, 96),
            'search_dataloader.dataset.pipeline[1].scale[1] is 64 there and 96 here',
        ),
        (
            'calibration_dataloader.dataset.seed',
            1,
            'calibration_dataloader.dataset.seed is (nothing) there and 1 here',
        ),
    ],
)
def test_what_counts_is_compared_and_named(place: str, value: object, told: str) -> None:
    known = json.loads(json.dumps(what_counts(CFG)))
    asked = json.loads(json.dumps(what_counts(changed(place, value))))
    assert known != asked
    assert str(difference(known, asked)) == told


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        ('search_dataloader.num_workers', 0),
        ('calibration_dataloader.num_workers', 0),
        ('search_dataloader.persistent_workers', False),
        ('search_dataloader.pin_memory', False),
        ('model.init_from.checkpoint', 'elsewhere.pth'),
        ('model.sampler.type', 'uniform'),
        ('train_dataloader.batch_size', 4),
    ],
)
def test_what_changes_no_number_does_not_count(place: str, value: object) -> None:
    assert what_counts(changed(place, value)) == what_counts(CFG)
