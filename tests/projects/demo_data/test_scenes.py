"""Scenes: the same ones in any order, of every class and size, with honest look-alikes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.demo_data.scenes import CLASSES, PALETTE, SceneRecipe, make_scene
from projects.demo_data.shapes import PAIRS, SHAPES, Details, coverage
from tests.errors import contains, raises

RECIPE = SceneRecipe()
SMALL = SceneRecipe(size=(48, 64), radius=(4, 20), objects=(2, 5))


def test_a_picture_does_not_depend_on_what_was_made_before() -> None:
    forwards = [make_scene(SMALL, 3, i) for i in range(4)]
    np.random.default_rng(0).random(100)
    for index in reversed(range(4)):
        again = make_scene(SMALL, 3, index)
        assert np.array_equal(again.image, forwards[index].image)
        assert np.array_equal(again.label_map, forwards[index].label_map)
        assert again.instances == forwards[index].instances
    assert not np.array_equal(forwards[0].image, forwards[1].image)
    assert not np.array_equal(forwards[0].image, make_scene(SMALL, 4, 0).image)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**40), index=st.integers(0, 2**40))
def test_instances_are_what_the_maps_show(seed: int, index: int) -> None:
    scene = make_scene(SMALL, seed, index)
    assert scene.image.shape == (48, 64, 3)
    assert scene.image.dtype == scene.label_map.dtype == np.uint8
    covered = np.zeros((48, 64), bool)
    for instance in scene.instances:
        mask = scene.mask(instance)
        x0, y0, x1, y1 = instance.box
        assert mask.sum() == instance.area == mask[y0:y1, x0:x1].sum() > 0
        assert mask[y0].any()
        assert mask[y1 - 1].any()
        assert mask[:, x0].any()
        assert mask[:, x1 - 1].any()
        assert np.all(scene.label_map[mask] == instance.label)
        covered |= mask
    assert np.array_equal(covered, scene.label_map > 0)


def test_classes_are_balanced_and_sizes_span_ten_to_one() -> None:
    instances = [i for n in range(150) for i in make_scene(RECIPE, 0, n).instances]
    counts = np.bincount([i.label for i in instances], minlength=len(CLASSES))[1:]
    assert counts.min() > 0.7 * counts.mean()
    radii = np.array([i.radius for i in instances])
    assert radii.min() < 5.5
    assert radii.max() > 44
    middle = np.sqrt(5 * 48)
    assert 0.4 < np.mean(radii < middle) < 0.6
    assert len(CLASSES) == len(PALETTE) == len(set(PALETTE))


@pytest.mark.parametrize('pair', PAIRS)
def test_look_alikes_differ_in_their_detail_only(pair: tuple[str, str]) -> None:
    details, radius, centre = Details(), 40.0, (64.0, 64.0)
    first, second = (coverage(s, centre, radius, 0.3, (128, 128), details) > 127 for s in pair)
    y, x = np.mgrid[:128, :128]
    distance = np.hypot(x - centre[0], y - centre[1])
    allowed = {
        'gear': abs(distance - radius) <= details.tooth * radius + 1,
        'ring': distance <= details.ring_hole * radius + 1,
        'frame': distance <= details.frame_hole * radius + 1,
        'star': first,
    }[pair[1]]
    different = first != second
    assert different.any()
    assert not np.any(different & ~allowed)
    if pair[1] == 'star':
        # The edges are pulled in; the three corners stay.
        for corner in 0.3 + 2 * np.pi * np.arange(3) / 3:
            x0, y0 = np.rint(64 + 0.8 * radius * np.array([np.cos(corner), np.sin(corner)]))
            assert first[int(y0), int(x0)]
            assert second[int(y0), int(x0)]


def test_a_tint_moves_colours_and_nothing_else() -> None:
    plain = replace(SMALL, texture=0.0, noise=0.0, alpha=(1.0, 1.0))
    for index in range(5):
        before, after = (make_scene(replace(plain, tint=t), 0, index) for t in (0.0, 1.0))
        assert np.array_equal(before.label_map, after.label_map)
        ground = cv2.dilate((after.label_map > 0).astype(np.uint8), np.ones((5, 5))) == 0
        # Thin tips are too faint for a label; of a shape they cover a little, too.
        assert np.mean(before.image[ground] == after.image[ground]) > 0.95
        for label in np.unique(after.label_map)[1:]:
            inside = cv2.erode((after.label_map == label).astype(np.uint8), np.ones((5, 5))) > 0
            same = abs(after.image[inside].astype(int) - PALETTE[label]) <= 1
            assert not same.size or same.mean() > 0.95


def test_every_shape_has_a_look_alike() -> None:
    assert {shape for pair in PAIRS for shape in pair} == set(SHAPES)


@pytest.mark.parametrize(
    ('name', 'value', 'got', 'allowed'),
    [
        ('radius', (9.0, 3.0), (9.0, 3.0), contains('ascend')),
        ('objects', (-1, 3), (-1, 3), contains('at least 0')),
        ('texture', 1.5, 1.5, 'a share in 0 ... 1'),
        ('tint', -0.5, -0.5, 'a share in 0 ... 1'),
        ('alpha', (0.2, 1.5), 1.5, 'a share in 0 ... 1'),
        ('noise', -1.0, -1.0, 'a number >= 0'),
        ('objects', (5, 300), (5, 300), 'at most 255'),
    ],
)
def test_an_impossible_recipe_is_refused(
    name: str, value: object, got: object, allowed: object
) -> None:
    with raises(where=f'SceneRecipe.{name}', got=got, allowed=allowed):
        SceneRecipe(**{name: value})


def test_a_negative_seed_is_refused() -> None:
    with raises(where='seed and index', got=(-1, 0)):
        make_scene(SMALL, -1, 0)


def test_an_unknown_shape_is_refused() -> None:
    with raises(where='shape', got='blob', allowed=contains('disc')):
        coverage('blob', (8, 8), 3, 0, (16, 16), Details())
