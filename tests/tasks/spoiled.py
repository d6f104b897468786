"""Labels that are changed on disk, and the error that is expected then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from numpy.typing import NDArray
from PIL import Image

from scalenas.errors import DataError
from scalenas.tasks import check_data

from .folders import SPLITS

LOADERS = tuple(f'{split}_dataloader' for split in SPLITS)


def refused(cfg: Config, split: str = 'val') -> DataError:
    with pytest.raises(DataError) as error:
        check_data(cfg, (f'{split}_dataloader',))
    assert '\n' not in str(error.value)
    return error.value


Spoil = Callable[[NDArray[np.uint8]], Any]


def paint(value: int) -> Spoil:
    def spoil(found: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found[5, 5] = value
        return found

    return spoil


def relabel(root: Path, split: str, change: Spoil) -> None:
    for path in (root / 'labels' / split).iterdir():
        found = np.asarray(Image.open(path)).copy()
        Image.fromarray(np.asarray(change(found)).astype(np.uint8)).save(path)
