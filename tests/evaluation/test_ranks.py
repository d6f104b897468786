"""Two processes measure a sub-net as one does: metrics do not depend on how many there are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed
from mmengine.config import Config
from mmengine.runner import Runner

from scalenas.evaluation.batches import FixedBatches, build_loader
from scalenas.evaluation.calibrate import calibrated

from ..processes import start_beside
from .world import SPACE, supernet

RANDOM = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations'},
    {'type': 'RandomFlip', 'prob': 0.5},
    {'type': 'PackSegInputs'},
]
"""A pipeline that draws random numbers, which must be the same in each process."""


def statistics(cfg: Config) -> dict[str, torch.Tensor]:
    model = supernet()
    batches = FixedBatches(build_loader(cfg, 'calibration_dataloader'), model.data_preprocessor)
    with calibrated(model, SPACE.smallest(), batches):
        return {key: v.clone() for key, v in model.state_dict().items() if 'running' in key}


def metrics(cfg: Config, folder: Path, root: Path) -> dict[str, float]:
    cfg.work_dir = str(folder)
    cfg.experiment_name = folder.name
    cfg.load_from = str(root / 'supernet.pth')
    cfg.default_hooks.checkpoint.save_best = None
    return Runner.from_cfg(cfg).val()


def random_calibration(root: Path, workers: int) -> Config:
    cfg = Config.fromfile(root / 'supernet.py')
    cfg.calibration_dataloader.num_workers = workers
    cfg.calibration_dataloader.sampler.shuffle = True
    cfg.calibration_dataloader.dataset.pipeline = RANDOM
    return cfg


def worker(rank: int, folder: str, root: str) -> None:
    os.environ.update(RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    found = {n: statistics(random_calibration(Path(root), n)) for n in (0, 1)}
    cfg = Config.fromfile(Path(root) / 'supernet.py')
    cfg.launcher = 'pytorch'
    cfg.model_wrapper_cfg = {'type': 'MMDistributedDataParallel', 'device_ids': None}
    measured = metrics(cfg, Path(folder) / 'two', Path(root))
    torch.save((found, measured), f'{folder}/{rank}.pt')
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(sys.platform == 'win32', reason='gloo over a file')
def test_statistics_and_metrics_do_not_depend_on_the_number_of_processes(
    cfg: Config, root: Path, tmp_path: Path
) -> None:
    start_beside(worker, str(tmp_path), str(root))
    alone = {n: statistics(random_calibration(root, n)) for n in (0, 1)}
    measured = metrics(cfg, tmp_path / 'one', root)
    for rank in range(2):
        found, there = torch.load(tmp_path / f'{rank}.pt', weights_only=True)
        assert there == pytest.approx(measured, rel=1e-6)
        for n, state in alone.items():
            for key, value in state.items():
                torch.testing.assert_close(found[n][key], value, rtol=1e-5, atol=1e-6)
    still = supernet().state_dict()
    assert any(not torch.allclose(value, still[key]) for key, value in alone[0].items())
