"""Trainings on digits by the configs of configs/scalenas_cls/digits/, with the images in memory.

`scenes_training.Training` runs them. All randomness follows from seed and iteration.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmpretrain.structures import DataSample
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 10
PADDING = 2
"""Of the random crop, in pixels on each side."""


@dataclass(frozen=True)
class Digits:
    """A split: pixels (N, 3, 28, 28), uint8 as they are read; labels (N,)."""

    pixels: Tensor
    labels: Tensor

    @classmethod
    def read(cls, root: Path, split: str) -> Digits:
        """All images of a split, class by class."""
        files = sorted((root / split).glob('*/*.png'))
        if not files:
            raise SystemExit(f'{root / split}: no digits; python tools/get_demo_data.py digits')
        pixels = np.stack([np.asarray(Image.open(file).convert('RGB')) for file in files])
        shown = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        return cls(shown, torch.tensor([int(file.parent.name) for file in files]))

    def prepared(self, model: nn.Module) -> Digits:
        """With pixels as the model's preprocessor gives them to the network."""
        given = {'inputs': list(self.pixels), 'data_samples': self.samples(self.labels)}
        return Digits(model.data_preprocessor(given, training=False)['inputs'], self.labels)

    def batch(self, size: int, seed: int, iteration: int) -> tuple[Tensor, Tensor]:
        """Batch of an iteration: each epoch shuffled anew, crops of images with a black border."""
        per_epoch = len(self.pixels) // size
        epoch, position = divmod(iteration, per_epoch)
        order = np.random.default_rng([seed, 0, epoch]).permutation(len(self.pixels))
        rows = torch.from_numpy(order[position * size : (position + 1) * size])
        side = self.pixels.shape[-1]
        black = float(self.pixels.min())
        wide = functional.pad(self.pixels[rows], (PADDING,) * 4, value=black)
        rng = np.random.default_rng([seed, 1, iteration])
        corners = rng.integers(2 * PADDING + 1, size=(size, 2))
        crops = [x[:, i : i + side, j : j + side] for x, (i, j) in zip(wide, corners, strict=True)]
        return torch.stack(crops), self.labels[rows]

    def samples(self, labels: Tensor) -> list[DataSample]:
        """What mmpretrain's losses take."""
        return [DataSample().set_gt_label(int(label)) for label in labels]


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, labels: Tensor, at_once: int = 250) -> float:
    """Top-1 in percent of a classifier, as it stands, on prepared images."""
    hits = 0
    for i in range(0, len(x), at_once):
        scores = model.head(model.extract_feat(x[i : i + at_once]))
        hits += int((scores.argmax(1) == labels[i : i + at_once]).sum())
    return 100 * hits / len(x)
