"""Procedural textures: clouds of several octaves, and grounds with edges made of them."""

import cv2
import numpy as np
from numpy.typing import NDArray


def clouds(
    rng: np.random.Generator, height: int, width: int, channels: int, persistence: float
) -> NDArray[np.float32]:
    """Value noise: random grids of 2, 4, 8 ... cells a side, enlarged, weighted and added.

    persistence: weight of an octave against the next coarser one; 1 is grain, 0 one smooth slope.
    Returns an array (height, width, channels) scaled to 0..1 in each channel.
    """
    total = np.zeros((height, width, channels), np.float32)
    cells, weight = 2, 1.0
    while cells <= max(height, width):
        rows = max(2, round(cells * height / max(height, width)))
        columns = max(2, round(cells * width / max(height, width)))
        grid = rng.random((rows, columns, channels), dtype=np.float32)
        enlarged = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.float32(weight) * enlarged.reshape(total.shape)
        cells, weight = 2 * cells, weight * persistence
    low, high = total.min(axis=(0, 1)), total.max(axis=(0, 1))
    return np.asarray((total - low) / np.maximum(high - low, np.float32(1e-6)), np.float32)


def ground(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """A ground like a blurred photo: three colours meet at soft and hard cloud edges, plus grain.

    Returns colours (height, width, 3) in 0..1.
    """
    fields = clouds(rng, height, width, 3, persistence=rng.uniform(0.45, 0.65))
    colours = rng.random((3, 3), dtype=np.float32)
    steepness = rng.uniform(4, 40, 2).astype(np.float32)
    mix = 1 / (1 + np.exp(-steepness * (fields[..., :2] - np.float32(0.5))))
    first, second = mix[..., :1], mix[..., 1:]
    colour = colours[0] * (1 - first) + colours[1] * first
    colour = colour * (1 - second) + colours[2] * second
    return np.asarray(0.8 * colour + 0.2 * fields[..., 2:], np.float32)
