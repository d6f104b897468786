"""One small world on disk for the whole room."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from .world import checkpoint, config, supernet, write_pictures


@pytest.fixture(scope='session')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images, `supernet.py` and `supernet.pth`."""
    path = tmp_path_factory.mktemp('world')
    write_pictures(path, {'train': 11, 'search': 7, 'test': 6})
    checkpoint(path / 'supernet.pth', supernet())
    config(path)
    return path


@pytest.fixture
def cfg(root: Path) -> Config:
    """The supernet's config, fresh."""
    return config(root)
