"""One small world with a supernet, and one export of it, for the whole room."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from scalenas.arch import dump
from scalenas.export import Exported, Graphs, choose, export_subnet
from tests.evaluation.world import archs, checkpoint, config, supernet, write_pictures


@pytest.fixture(scope='session')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images, `supernet.py`, `supernet.pth` and an arch, `drawn.yaml`."""
    path = tmp_path_factory.mktemp('world')
    write_pictures(path, {'train': 11, 'search': 7, 'test': 6})
    checkpoint(path / 'supernet.pth', supernet())
    config(path)
    (path / 'drawn.yaml').write_text(dump(archs(3)[2]))
    return path


@pytest.fixture
def cfg(root: Path) -> Config:
    """The supernet's config, fresh."""
    return config(root)


@pytest.fixture(scope='session')
def exported(root: Path) -> Exported:
    """`drawn.yaml`, exported with everything that can be into `root/out`."""
    return export_subnet(
        choose(str(root / 'drawn.yaml')),
        config(root),
        root / 'supernet.pth',
        root / 'out',
        standalone=True,
        graphs=Graphs(onnx=True),
    )
