"""Files as annotation tools write them: read and scored right, or refused before a training.

Their shapes, of the versions of November 2026, are written here by hand; the tools are not needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask

from scalenas.errors import DataError
from scalenas.tasks import check_data

from .world import CLASSES, SIDE, boxes, config, draw, exact_score, write

LOADERS = ('train_dataloader', 'search_dataloader')
MASKS = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True},
    {'type': 'PackDetInputs', 'meta_keys': ('img_id', 'img_path', 'ori_shape', 'instances')},
]


def label_studio() -> dict[str, Any]:
    """label-studio-sdk 2.1.2: everything is counted from 0, boxes have an empty outline."""
    given = boxes(first=0)
    for row in given['annotations']:
        row.update(segmentation=[], ignore=0, bbox=[float(v) for v in row['bbox']])
    return {**given, 'info': {'contributor': 'Label Studio'}}


def globox() -> dict[str, Any]:
    """globox 2.9.0: only annotations are counted from 0; no outlines."""
    given = boxes()
    for number, row in enumerate(given['annotations']):
        row.pop('segmentation')
        row.update(id=number, bbox=[float(v) for v in row['bbox']])
    return given


def pylabel() -> dict[str, Any]:
    """pylabel 0.1.55: from 0, flags as floats."""
    given = boxes(first=0)
    for row in given['annotations']:
        row.update(iscrowd=0.0, segmentation='', area=float(row['area']))
    return given


def supervision(holes: int = 0) -> dict[str, Any]:
    """supervision 0.31.2: a mask with a hole is a crowd, in run lengths; `holes` have one."""
    given = boxes()
    for row in given['annotations'][:holes]:
        row.update(iscrowd=1, segmentation=runs(row['bbox']))
    return given


def datumaro() -> dict[str, Any]:
    """datumaro 1.13.12: every mask is a crowd."""
    given = boxes()
    for row in given['annotations']:
        row.update(iscrowd=1, segmentation=runs(row['bbox']), area=float(row['area']))
    return given


def datumaro_ids() -> dict[str, Any]:
    """datumaro again: ids that were given image by image repeat."""
    given = boxes()
    for row in given['annotations']:
        row['id'] = 1 + row['id'] % 2
    return given


def sahi() -> dict[str, Any]:
    """sahi 0.12.8: areas are cut to whole numbers; a crowd is an ordinary object."""
    given = boxes()
    for row in given['annotations']:
        row.update(iscrowd=0, ignore=0, area=int(row['area']))
    return given


def labelme2coco(order: int = 1) -> dict[str, Any]:
    """labelme2coco 0.2.6: classes from 0, as they were met; rectangles have no outline."""
    given = boxes()
    for row in given['annotations']:
        row.update(segmentation=[], category_id=row['category_id'] - 1)
    given['categories'] = [{'id': n, 'name': CLASSES[::order][n]} for n in range(2)]
    return given


def runs(box: list[int]) -> dict[str, Any]:
    """Run lengths of a box with a hole."""
    x, y, w, h = box
    pixels = np.zeros((SIDE, SIDE), np.uint8, order='F')
    pixels[y : y + h, x : x + w] = 1
    pixels[y + 5 : y + 9, x + 5 : x + 9] = 0
    found = mask.encode(pixels)
    return {'size': [SIDE, SIDE], 'counts': found['counts'].decode()}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp('tools'))


@pytest.mark.parametrize(
    'tool', [label_studio, globox, pylabel, supervision, sahi, labelme2coco, boxes]
)
def test_boxes_that_are_right(folder: Path, tool: Callable[[], dict[str, Any]]) -> None:
    write(folder, tool())
    cfg = config(folder)
    check_data(cfg, LOADERS)
    assert exact_score(cfg)['coco/bbox_mAP'] == pytest.approx(1.0)


@pytest.mark.parametrize('tool', [boxes, sahi, lambda: supervision(3)])
def test_masks_that_are_right(folder: Path, tool: Callable[[], dict[str, Any]]) -> None:
    metric = {'type': 'CocoMetric', 'ann_file': str(write(folder, tool())), 'metric': 'segm'}
    cfg = config(folder, metric=metric, pipeline=MASKS)
    check_data(cfg, LOADERS)
    assert exact_score(cfg)['coco/segm_mAP'] == pytest.approx(1.0)


@pytest.mark.parametrize('loader', LOADERS)
@pytest.mark.parametrize(
    ('tool', 'masks'),
    [
        (datumaro, False),
        (datumaro, True),
        (datumaro_ids, False),
        (lambda: supervision(12), False),
        (lambda: labelme2coco(-1), False),
        (labelme2coco, True),
        (label_studio, True),
        (globox, True),
        (pylabel, True),
    ],
)
def test_what_would_train_on_nothing_or_the_wrong_thing(
    folder: Path, tool: Callable[[], dict[str, Any]], masks: bool, loader: str
) -> None:
    path = write(folder, tool())
    cfg = config(folder, **({'pipeline': MASKS} if masks else {}))
    with pytest.raises(DataError) as caught:
        check_data(cfg, (loader,))
    assert caught.value.where == f'{loader}: {path}'


def test_much_that_is_a_crowd_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        'scalenas.tasks.coco.annotations.print_log', lambda text, *_: said.append(text)
    )
    write(folder, supervision(3))
    check_data(config(folder), ('train_dataloader',))
    assert ['3 of 12 objects are crowds' in text for text in said] == [True]
