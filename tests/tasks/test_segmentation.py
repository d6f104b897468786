"""Segmentation data are looked at before a run: files of all images, the labels of a sample."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from PIL import Image

from scalenas.tasks import LabelRule, check_data
from scalenas.tasks.label_maps import files as checked

from .folders import LOAD, SIZE, seg_config, write_split
from .spoiled import LOADERS, paint, refused, relabel


def states() -> list[Any]:
    numbers: Any = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), numbers[1].tolist(), torch.get_rng_state().tolist()]


def test_right_data_pass_and_draw_nothing(good: Path) -> None:
    """Random numbers that come after are the same, though a training's pipeline draws some."""
    flip = [*LOAD[:2], {'type': 'RandomFlip', 'prob': 0.5}, LOAD[2]]
    before = states()
    check_data(seg_config(good, pipeline=flip), LOADERS)
    assert states() == before


def save(how: Callable[[NDArray[np.uint8]], Image.Image]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        how(np.asarray(Image.open(path))).save(path)

    return spoil


def coloured(found: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.stack([found] * 3, -1))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


ONE_FILE: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    'a class too many': (save(lambda f: Image.fromarray(paint(7)(f.copy()))), {'got': [7]}),
    'colours': (save(coloured), {'got': (*SIZE, 3)}),
    'transparent': (save(lambda f: coloured(f).convert('RGBA')), {'got': (*SIZE, 4)}),
    'grey and opaque': (save(lambda f: Image.fromarray(f).convert('LA')), {'got': (*SIZE, 2)}),
    '16 bits': (
        save(lambda f: Image.fromarray(f.astype(np.uint16) * 257)),
        {'got': [257, 514, 65535]},
    ),
    'higher': (save(lambda f: Image.fromarray(np.pad(f, ((0, 3), (0, 0))))), {'got': (27, 32)}),
    'turned': (save(lambda f: Image.fromarray(f.T.copy())), {'got': SIZE[::-1]}),
    'missing': (Path.unlink, {}),
    'empty': (lambda path: path.write_bytes(b''), {}),
    'cut': (cut, {}),
    'text': (lambda path: path.write_text('no image'), {}),
}  # fmt: skip


@pytest.mark.parametrize('split', ['train', 'val', 'test', 'search'])
@pytest.mark.parametrize('what', ONE_FILE)
def test_a_wrong_label_is_named(what: str, split: str, root: Path) -> None:
    spoil, fields = ONE_FILE[what]
    path = root / f'labels/{split}/2.png'
    spoil(path)
    error = refused(seg_config(root), split)
    assert str(path) in str(error)
    for name, value in fields.items():
        assert getattr(error, name) == value


@pytest.mark.parametrize('what', ['missing', 'cut', 'empty', 'text'])
@pytest.mark.parametrize('split', ['train', 'val', 'calibration'])
def test_a_wrong_image_is_named(what: str, split: str, root: Path) -> None:
    path = root / f'images/{split}/1.png'
    ONE_FILE[what][0](path)
    if what == 'missing' and split == 'calibration':
        check_data(seg_config(root), ('calibration_dataloader',))  # labels are not used there
        return
    # A label without image is left out by mmseg.
    expected = root / f'labels/{split}/1.png' if what == 'missing' else path
    assert str(expected) in str(refused(seg_config(root), split))


def from_one(found: NDArray[np.uint8]) -> Any:
    return np.where(found == 255, 255, found + 1)


def test_labels_from_one_ask_for_reduce_zero_label(root: Path) -> None:
    relabel(root, 'val', from_one)
    error = refused(seg_config(root))
    assert (error.got, 'reduce_zero_label' in error.hint) == ([3], True)
    check_data(seg_config(root, reduce_zero_label=True), ('val_dataloader',))


def test_a_background_of_zero_asks_for_reduce_zero_label_or_a_class_more(root: Path) -> None:
    relabel(root, 'val', lambda f: np.where(f == 255, 0, f + 1))
    error = refused(seg_config(root))
    assert error.got == [3]
    assert 'reduce_zero_label' in error.hint
    assert '4 classes' in error.hint


def test_other_values_do_not_ask_for_it(root: Path) -> None:
    """Labels {0, 1, 3}, and those of another data set."""
    relabel(root, 'val', lambda f: np.where(f == 2, 3, f))
    assert refused(seg_config(root)).got == [3]
    relabel(root, 'test', lambda f: np.where(f == 255, 255, f + 40))
    error = refused(seg_config(root), 'test')
    assert error.got == [40, 41, 42]
    assert 'reduce_zero_label' not in error.hint


def two(root: Path, **changes: Any) -> Config:
    cfg = seg_config(root, metainfo={'classes': ('back', 'front')}, **changes)
    cfg.model.decode_head.num_classes = 2
    cfg.model.auxiliary_head[0].num_classes = 2
    return cfg


def test_brushes_of_0_and_255(root: Path) -> None:
    """255 is ignored, so that every net would score 100."""
    for split in ('train', 'val'):
        relabel(root, split, lambda f: np.where(f == 1, 255, 0))
        error = refused(two(root), split)
        assert error.got == [0, 255]
        assert 'write 1 for 255' in error.hint
    relabel(root, 'val', lambda f: f // 255)
    check_data(two(root), ('val_dataloader',))


def test_zero_reduced_away(root: Path) -> None:
    relabel(root, 'val', lambda f: f == 1)
    check_data(two(root), ('val_dataloader',))
    error = refused(two(root, reduce_zero_label=True))
    assert 'reduce_zero_label' in error.hint


@pytest.mark.parametrize('value', [0, 1, 255])
def test_one_class_or_none(value: int, root: Path) -> None:
    relabel(root, 'val', lambda f: np.full_like(f, value))
    assert refused(seg_config(root)).got == [value]


def test_a_rare_class_is_looked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one of 60 labels shows something; and in longer lists one class is a warning."""
    labels = [np.zeros(SIZE, np.uint8) for _ in range(60)]
    labels[31][3, 3] = 1
    write_split(root, 'val', labels)
    check_data(two(root), ('val_dataloader',))
    monkeypatch.setattr(checked, 'MORE', 2)
    check_data(two(root), ('val_dataloader',))
    Image.fromarray(labels[0]).save(root / 'labels/val/31.png')
    monkeypatch.setattr(checked, 'MORE', 400)
    assert refused(two(root)).got == [0]


def test_palettes_hold_numbers(root: Path) -> None:
    """Pillow reads them, cv2 the colours."""
    for path in (root / 'labels/val').iterdir():
        found = Image.fromarray(np.asarray(Image.open(path)))
        found.putpalette([k for k in range(256) for _ in range(3)])
        found.save(path)
    check_data(seg_config(root), ('val_dataloader',))
    by_cv2 = [LOAD[0], {'type': 'LoadAnnotations', 'imdecode_backend': 'cv2'}, LOAD[2]]
    assert 'pillow' in refused(seg_config(root, pipeline=by_cv2)).hint


def test_16_bits_may_hold_classes_and_nothing_else(root: Path) -> None:
    for path in (root / 'labels/val').iterdir():
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16)).save(path)
    check_data(seg_config(root), ('val_dataloader',))
    values = np.asarray(Image.open(path)).copy()
    values[5, 5] = 256  # a class 0 in the last 8 bits
    Image.fromarray(values).save(path)
    error = refused(seg_config(root))
    assert (error.got, str(path) in error.where) == ([256], True)


def test_jpeg_changes_labels(root: Path) -> None:
    for path in (root / 'labels/val').iterdir():
        Image.open(path).save(path.with_suffix('.jpg'))
        path.unlink()
    assert 'PNG' in refused(seg_config(root, seg_map_suffix='.jpg')).hint


def test_labels_that_ignore_another_number(root: Path) -> None:
    """As HSI-Drive, whose class 0 is not looked at: then 255 is no label."""
    cfg = seg_config(root)
    cfg.model.decode_head.ignore_index = 0
    assert refused(cfg, 'train').got == [255]
    relabel(root, 'train', lambda f: np.where(f == 255, 0, f))
    check_data(cfg, ('train_dataloader',))
    relabel(root, 'val', lambda f: np.where(f == 255, 0, f))
    cfg.val_evaluator.ignore_index = 0
    check_data(cfg, ('val_dataloader',))


@pytest.mark.parametrize('ignore', [255, 0, -1, None])
def test_the_quick_look_is_the_slow_one(ignore: int | None) -> None:
    rule = LabelRule(3, ignore)
    for value in (-256, -1, 0, 2, 3, 200, 254, 255, 256, 2**32, 2**40 + 1):
        for given in (torch.full((1, 2, 3), value), torch.tensor([[[0, 1, value]]])):
            values = given.unique().tolist()
            assert rule.fits(given) == all(rule.allows(v) for v in values), (ignore, value)
