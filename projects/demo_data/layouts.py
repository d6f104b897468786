"""Data on disk: a folder that appears complete or not at all, and says what it is.

Segmentation lies in one of two layouts; COCO files are in `coco.py`.

ADE-like:        images/{training,search,validation}/NAME.png and annotations/.../NAME.png
Cityscapes-like: leftImg8bit/{train,val}/CITY/*_leftImg8bit.png and
                 gtFine/{train,val}/CITY/*_gtFine_labelTrainIds.png
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scalenas.errors import UserError, unreadable
from scalenas.staging import staged_folder

IGNORE = 255
MANIFEST = 'meta.json'

# Cityscapes' own train split is 2975 images of 18 cities. These three (299 images) are held
# out for the search; the reported val (Frankfurt, Lindau, Munster) is then never searched on.
CITIES = {
    'training': (
        *('aachen', 'bochum', 'bremen', 'cologne', 'dusseldorf', 'erfurt', 'hamburg', 'hanover'),
        *('krefeld', 'monchengladbach', 'strasbourg', 'stuttgart', 'tubingen', 'weimar', 'zurich'),
    ),
    'search': ('darmstadt', 'jena', 'ulm'),
    'validation': ('frankfurt', 'lindau', 'munster'),
}
SPLITS = tuple(CITIES)


class DemoDataError(UserError):
    """Demo data that cannot be fetched or written; the message is one line and says what to do."""


def ade_paths(split: str, index: int) -> tuple[str, str]:
    """Where image `index` of a split and its labels lie in the ADE-like layout."""
    name = f'{index:05d}.png'
    return f'images/{split}/{name}', f'annotations/{split}/{name}'


def cityscapes_paths(split: str, index: int) -> tuple[str, str]:
    """Where image `index` of a split and its labels lie in the Cityscapes-like layout.

    Cities take turns; those of `search` lie in Cityscapes' own train folder.
    """
    cities = CITIES[split]
    city = cities[index % len(cities)]
    folder = 'val' if split == 'validation' else 'train'
    stem = f'{folder}/{city}/{city}_{index:06d}_000000'
    return (
        f'leftImg8bit/{stem}_leftImg8bit.png',
        f'gtFine/{stem}_gtFine_labelTrainIds.png',
    )


LAYOUTS: dict[str, Callable[[str, int], tuple[str, str]]] = {
    'ade': ade_paths,
    'cityscapes': cityscapes_paths,
}


@dataclass
class SplitWriter:
    """Writes images with labels into a folder and counts what it writes.

    pixels: per split, pixels of each class (num_classes,), the ignored ones not counted.
    """

    root: Path
    num_classes: int
    layout: str = 'ade'
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    pixels: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def add(self, split: str, image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
        """Append an image (H, W, 3; RGB) and its labels (H, W) to a split."""
        for array, relative in zip(
            (image, labels), LAYOUTS[self.layout](split, self.counts[split]), strict=True
        ):
            path = self.root / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path, compress_level=3)
        self.counts[split] += 1
        counts = np.bincount(labels.ravel(), minlength=IGNORE + 1)[: self.num_classes]
        self.pixels[split] = self.pixels.get(split, np.zeros(self.num_classes, int)) + counts

    def summary(self) -> dict[str, Any]:
        """Counts, class shares of each split, and the class weights of the training split."""
        shares = {name: pixels / max(1, pixels.sum()) for name, pixels in self.pixels.items()}
        return {
            'layout': self.layout,
            'counts': self.counts,
            'pixel_shares': {n: [round(float(x), 6) for x in s] for n, s in shares.items()},
            'class_weights': inverse_root_weights(shares['training']),
        }


def inverse_root_weights(shares: NDArray[np.float64]) -> list[float]:
    """Class weights 1/sqrt(share), scaled to a mean of 1; a class that never occurs gets 0."""
    weights = np.zeros(len(shares))
    present = shares > 0
    weights[present] = shares[present] ** -0.5
    return [round(float(w), 4) for w in weights * len(shares) / weights.sum()]


def publish(
    out: Path,
    recipe: dict[str, Any],
    write: Callable[[Path], dict[str, Any]],
    force: bool = False,
) -> bool:
    """Make folder `out` by `write(temporary folder)`, unless it is there already; True if made.

    `recipe` tells one data set from another: a complete folder of the same recipe is reused.
    `write` returns what the manifest says beside the recipe. An interruption leaves nothing.
    `force` makes a data set anew that was made by this function, of whatever recipe.
    Raises DemoDataError when `out` holds anything else; nothing of the user's is overwritten.
    """
    if not force and is_complete(out, recipe):
        return False
    ours = force and (out / MANIFEST).is_file() and bool(read_manifest(out))
    if out.exists() and not ours and (not out.is_dir() or any(out.iterdir())):
        what = 'is no demo data set' if force else 'is not a complete data set of this recipe'
        hint = 'move it away or choose another folder with --out'
        raise DemoDataError(f'exists but {what}', where=out, hint=hint)
    out.parent.mkdir(parents=True, exist_ok=True)
    with staged_folder(out.parent, out.name) as unfinished:
        manifest = {'recipe': recipe, **write(unfinished)}
        (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=1) + '\n')
        with staged_folder(out.parent, out.name) as old:
            if ours:
                # Two renames: a kill between them leaves neither; the same command makes it anew.
                os.replace(out, old)
            try:
                os.replace(unfinished, out)
            except OSError:
                # Another process may have finished the same data set meanwhile.
                if is_complete(out, recipe):
                    return False
                if ours and not out.exists():
                    os.replace(old, out)
                raise
    return True


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a data set that `publish` made.

    Raises DemoDataError when it is missing or no manifest.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise unreadable(folder / MANIFEST, error, DemoDataError) from error
    if not isinstance(manifest, dict) or 'recipe' not in manifest:
        raise DemoDataError('is no manifest of a demo data set', where=folder / MANIFEST)
    return manifest


def is_complete(folder: Path, recipe: dict[str, Any]) -> bool:
    """Whether a folder holds every file of the data set with that recipe."""
    try:
        manifest = read_manifest(folder)
    except DemoDataError:
        return False
    same = manifest['recipe'] == json.loads(json.dumps(recipe))
    return same and all((folder / path).is_file() for path in _files(manifest))


def _files(manifest: dict[str, Any]) -> Iterator[str]:
    """What the manifest lists, else what follows from its layout."""
    if 'files' in manifest:
        yield from manifest['files']
        return
    for split, count in manifest['counts'].items():
        for index in range(count):
            yield from LAYOUTS[manifest['layout']](split, index)


def describe(out: Path, made: bool) -> str:
    """A few lines on a data set: where, how much, and its classes' weights or its objects."""
    manifest = read_manifest(out)
    lines = [f'{"made" if made else "complete"}: {out}', f'images: {_listed(manifest["counts"])}']
    if 'objects' in manifest:
        lines.append(f'objects: {_listed(manifest["objects"])}')
    if 'class_weights' in manifest:
        weights = zip(manifest['classes'], manifest['class_weights'], strict=True)
        lines.append(f'weights: {", ".join(f"{name} {weight:.3f}" for name, weight in weights)}')
    return '\n  '.join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ', '.join(f'{name} {count}' for name, count in counts.items())
