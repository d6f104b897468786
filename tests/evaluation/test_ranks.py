"""Two processes, each with a share of the images, get the statistics of all of them."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed
import torch.multiprocessing
from torch import nn

from scalenas.evaluation.pool import pooled_statistics


def parts() -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return [3 + 2 * torch.randn(n, 4, s, s, generator=rng) for n, s in ((2, 6), (5, 4), (1, 8))]


def worker(rank: int, folder: str) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    norm = nn.BatchNorm2d(4).eval()
    share = parts()[:1] if rank == 0 else parts()[1:]
    pooled_statistics([('norm', norm)], norm, share)
    torch.save((norm.running_mean, norm.running_var), f'{folder}/{rank}.pt')
    torch.distributed.destroy_process_group()


def test_statistics_are_pooled_over_ranks(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(worker, (str(tmp_path),), nprocs=2)
    values = torch.cat([p.double().transpose(0, 1).flatten(1) for p in parts()], 1)
    for rank in range(2):
        mean, var = torch.load(tmp_path / f'{rank}.pt', weights_only=True)
        torch.testing.assert_close(mean.double(), values.mean(1), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(var.double(), values.var(1), rtol=1e-6, atol=1e-6)
