"""Procedural scenes: shapes from tiny to huge on a cloudy ground, with labels and instances.

The sizes span 10:1, so that small shapes reward high resolution and large ones a wide receptive
field; colour says nothing about the class, and each shape has a look-alike.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from projects.demo_data.shapes import BACKGROUND, SHAPES, Details, coverage
from projects.demo_data.textures import clouds, ground
from scalenas.errors import UserError

CLASSES = (BACKGROUND, *SHAPES)
PALETTE = (
    (40, 40, 40),
    (230, 25, 75),
    (245, 130, 48),
    (255, 225, 25),
    (0, 130, 200),
    (70, 240, 240),
    (60, 180, 75),
    (240, 50, 230),
)


@dataclass(frozen=True)
class SceneRecipe:
    """Everything that sets the difficulty of a scene.

    How well networks tell apart what the defaults paint was not measured over many networks.

    size: (height, width) in pixels.
    radius: smallest and largest radius in pixels, drawn log-uniformly.
    objects: fewest and most shapes painted in an image, later ones over earlier ones.
    contrast: of the ground about its mean colour; 0 is flat.
    texture: share of texture in a shape's colour; 0 is flat, 1 hides the colour.
    alpha: least and greatest opacity of a shape.
    noise: standard deviation of the pixel noise in grey levels (of 255).
    tint: share of the class's own colour (PALETTE) in a shape's; 0: colour says nothing.
    details: what tells look-alikes apart.

    Raises ValueError when a range is empty or a share lies outside 0..1.
    """

    size: tuple[int, int] = (128, 128)
    radius: tuple[float, float] = (5.0, 48.0)
    objects: tuple[int, int] = (5, 12)
    contrast: float = 0.45
    texture: float = 0.3
    alpha: tuple[float, float] = (0.8, 1.0)
    noise: float = 6.0
    tint: float = 0.0
    details: Details = field(default_factory=Details)

    def __post_init__(self) -> None:
        for name, (low, high), least in (
            ('size', (min(self.size), max(self.size)), 8),
            ('radius', self.radius, 1),
            ('objects', self.objects, 0),
            ('alpha', self.alpha, 0),
        ):
            if not least <= low <= high:
                raise _wrong(name, (low, high), f'two numbers that ascend from at least {least}')
        for name, share in (
            ('contrast', self.contrast),
            ('texture', self.texture),
            ('tint', self.tint),
            ('alpha', self.alpha[1]),
        ):
            if not 0 <= share <= 1:
                raise _wrong(name, share, 'a share in 0 ... 1')
        if self.objects[1] > 255:
            # Instance maps are uint8.
            raise _wrong('objects', self.objects, 'at most 255')
        if self.noise < 0:
            raise _wrong('noise', self.noise, 'a number >= 0')


def _wrong(name: str, got: object, allowed: str) -> UserError:
    return UserError(where=f'SceneRecipe.{name}', got=got, allowed=allowed)


SMALL = SceneRecipe(
    size=(64, 64),
    radius=(5.0, 24.0),
    objects=(1, 5),
    contrast=0.35,
    texture=0.2,
    alpha=(0.9, 1.0),
    noise=5.0,
    details=Details(teeth=7, tooth=0.2, ring_hole=0.55, frame_hole=0.5, notch=0.6),
    tint=0.5,
)
"""Small scenes that a network of 5 to 10 M multiply-adds learns from in a minute on one core; how
well networks of different size do, says docs/rank.md."""

SMALL_COUNTS = (2000, 200, 400)
"""Images of the training, search and validation split of the small scenes."""


@dataclass(frozen=True)
class Instance:
    """One shape as far as it is seen: class, box (x0, y0, x1, y1; x1 and y1 excluded), pixels.

    number: its value in `Scene.instance_map`; radius and centre (x, y) as painted, in pixels.
    """

    number: int
    label: int
    box: tuple[int, int, int, int]
    area: int
    radius: float
    centre: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with its truth.

    image: (H, W, 3) uint8, RGB; label_map: (H, W) uint8, an index into CLASSES;
    instance_map: (H, W) uint8, 0 for the ground, else the number of the shape seen there.
    """

    image: NDArray[np.uint8]
    label_map: NDArray[np.uint8]
    instance_map: NDArray[np.uint8]
    instances: tuple[Instance, ...]

    def mask(self, instance: Instance) -> NDArray[np.bool_]:
        """The pixels (H, W) at which an instance is seen."""
        return np.asarray(self.instance_map == instance.number)


def make_scene(recipe: SceneRecipe, seed: int, index: int) -> Scene:
    """Image `index` of the endless series `seed`: the same whatever was made before it.

    Raises ValueError for a negative seed or index.
    """
    if min(seed, index) < 0:
        raise UserError(where='seed and index', got=(seed, index), allowed='numbers >= 0')
    rng = np.random.default_rng([seed, index])
    height, width = recipe.size
    back = ground(rng, height, width)
    mean = back.mean(axis=(0, 1))
    image = mean + recipe.contrast * (back - mean)
    texture = clouds(rng, height, width, 3, persistence=0.8)
    label_map = np.zeros(recipe.size, np.uint8)
    instance_map = np.zeros(recipe.size, np.uint8)
    painted: list[tuple[int, float, tuple[float, float]]] = []
    for number in range(1, int(rng.integers(recipe.objects[0], recipe.objects[1] + 1)) + 1):
        label = int(rng.integers(1, len(CLASSES)))
        radius = float(np.exp(rng.uniform(*np.log(recipe.radius))))
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        turn = float(rng.uniform(0, 2 * np.pi))
        cover = coverage(CLASSES[label], centre, radius, turn, recipe.size, recipe.details)
        colour = rng.random(3, dtype=np.float32)
        if recipe.tint:
            own = np.asarray(PALETTE[label], np.float32) / 255
            colour = recipe.tint * own + (1 - recipe.tint) * colour
        opacity = np.float32(rng.uniform(*recipe.alpha))
        rolled = np.roll(texture, tuple(rng.integers(0, (height, width))), axis=(0, 1))
        body = (1 - recipe.texture) * colour + recipe.texture * rolled
        image += (cover[..., None] * (opacity / np.float32(255))) * (body - image)
        seen = cover > 127
        label_map[seen] = label
        instance_map[seen] = number
        painted.append((label, radius, centre))
    grey = 255 * image + rng.standard_normal(image.shape, dtype=np.float32) * recipe.noise
    image = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return Scene(image, label_map, instance_map, _seen(instance_map, painted))


def _seen(
    instance_map: NDArray[np.uint8], painted: list[tuple[int, float, tuple[float, float]]]
) -> tuple[Instance, ...]:
    """The painted shapes of which at least one pixel is left."""
    instances = []
    for number, (label, radius, centre) in enumerate(painted, start=1):
        mask = instance_map == number
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size:
            box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            instances.append(Instance(number, label, box, int(mask.sum()), radius, centre))
    return tuple(instances)
