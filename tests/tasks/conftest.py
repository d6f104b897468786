"""A small world of images and labels for the tests of their checks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .folders import write_world


@pytest.fixture(scope='module')
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp('good'))


@pytest.fixture
def root(good: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(good, tmp_path / 'data')
    return tmp_path / 'data'
