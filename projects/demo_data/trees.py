"""Trees from the air: boxes drawn by hand on two aerial images of Yellowstone.

Small and crowded objects of one class. The second image is tested, so that no tile of it was
seen; the lowest rows of the first are held out for choosing.
"""

import io
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from projects.demo_data.coco import Box, CocoSplit, about
from projects.demo_data.wheels import Wheel

WHEEL = Wheel(
    'deepforest',
    '2.1.0',
    'deepforest-2.1.0-py3-none-any.whl',
    '8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54',
)
SOURCES = (
    'images: NEON airborne camera, Yellowstone 2019 (open data), in deepforest 2.1.0 (MIT)',
    'boxes: drawn by hand for DeepForest (Weinstein et al. 2019; MIT), same package',
)
URL = 'https://github.com/weecology/DeepForest'
IMAGES = {
    'train': '2019_YELL_2_528000_4978000_image_crop2',
    'test': '2019_YELL_2_541000_4977000_image_crop',
}
CATEGORY = {'id': 1, 'name': 'tree', 'supercategory': 'plant'}


@dataclass(frozen=True)
class TreeRecipe:
    """How tiles are cut.

    tile: longest side in pixels, all tiles of an image have about the same size; search_rows:
    the lowest rows of tiles of the first image are the search split; seen: a tree that a border
    cuts belongs to a tile that holds at least this share of its box, and is ignored in others.
    """

    tile: int = 256
    search_rows: int = 2
    seen: float = 0.5


def read_image(wheel: Path, stem: str) -> tuple[Image.Image, list[Box]]:
    """An image, RGB, and its boxes; the corners of the xml count from 1 and are included."""
    with zipfile.ZipFile(wheel) as archive:
        image = Image.open(io.BytesIO(archive.read(f'deepforest/data/{stem}.png')))
        tree = ElementTree.fromstring(archive.read(f'deepforest/data/{stem}.xml'))
    boxes = []
    for box in tree.iter('bndbox'):
        x0, y0, x1, y1 = (
            float(box.findtext(name, 'nan')) for name in ('xmin', 'ymin', 'xmax', 'ymax')
        )
        boxes.append((x0 - 1, y0 - 1, x1, y1))
    return image.convert('RGB'), sorted(boxes)


def edges(length: int, tile: int) -> list[int]:
    """Borders of the fewest equal parts of at most `tile` pixels."""
    parts = -(-length // tile)
    return [round(i * length / parts) for i in range(parts + 1)]


def clipped(box: Box, tile: tuple[int, int, int, int]) -> tuple[Box, float] | None:
    """A box in the coordinates of a tile (x0, y0, x1, y1), and the share of it that lies inside."""
    x0, y0 = max(box[0], tile[0]), max(box[1], tile[1])
    x1, y1 = min(box[2], tile[2]), min(box[3], tile[3])
    if x1 <= x0 or y1 <= y0:
        return None
    share = (x1 - x0) * (y1 - y0) / ((box[2] - box[0]) * (box[3] - box[1]))
    return (x0 - tile[0], y0 - tile[1], x1 - tile[0], y1 - tile[1]), share


def write_trees(root: Path, wheel: Path, recipe: TreeRecipe) -> dict[str, CocoSplit]:
    """Write the tiles of both images, and give back the splits train, search and test."""
    info = about('Trees from the air.', SOURCES, 'MIT', URL)
    splits = {name: CocoSplit(CATEGORY, info) for name in ('train', 'search', 'test')}
    (root / 'images').mkdir(parents=True, exist_ok=True)
    for origin, stem in IMAGES.items():
        image, boxes = read_image(wheel, stem)
        columns, rows = edges(image.width, recipe.tile), edges(image.height, recipe.tile)
        last = len(rows) - 1 - recipe.search_rows
        for row, (y0, y1) in enumerate(pairwise(rows)):
            split = splits['search' if origin == 'train' and row >= last else origin]
            for column, (x0, x1) in enumerate(pairwise(columns)):
                name = f'{origin}_r{row:02d}_c{column:02d}.png'
                image.crop((x0, y0, x1, y1)).save(root / 'images' / name, compress_level=3)
                number = split.add_image(name, (y1 - y0, x1 - x0))
                for box in boxes:
                    if (cut := clipped(box, (x0, y0, x1, y1))) is not None:
                        (left, top, right, bottom), share = cut
                        area = (right - left) * (bottom - top)
                        split.add(number, cut[0], area, crowd=share < recipe.seen)
    return splits
