"""Training steps whose times benchmarks/gpu.py compares pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from gpu_cases import Setup, images, synchronized, timed, use_tf32
from paired import ratio
from torch import Tensor, nn

from scalenas.space import HRSpace


def step_of(net: nn.Module, x: Tensor, autocast: AbstractContextManager[object]) -> Any:
    """A training step: forward, backward and update."""
    net.train()
    options: dict[str, Any] = {'momentum': 0.9, 'weight_decay': 5e-4, 'fused': True}
    sgd = torch.optim.SGD(net.parameters(), lr=1e-4, **options)

    def step() -> None:
        sgd.zero_grad()
        with autocast:
            loss = torch.stack([y.float().square().mean() for y in net(x)]).sum()
        loss.backward()
        sgd.step()

    return step


@dataclass(frozen=True)
class Training:
    """Two training steps whose times are compared pair by pair."""

    what: str
    precision: str
    layout: str = 'channels_last'


TRAININGS = tuple(
    Training(what, precision)
    for what in ('supernet / static', 'supernet, compiled units / supernet', 'SyncBN / BN')
    for precision in ('tf32', 'bf16')
)


def compare(training: Training, setup: Setup) -> dict[str, Any]:
    """The row of a training: `ratio` of the times, memory of the first of both."""
    use_tf32(training.precision == 'tf32')
    from scalenas.arch import named
    from scalenas.models import ScaleHRNet, SuperScaleHRNet

    space = HRSpace(8, (1, 1), (1, 2), stem=8, stage1_blocks=1) if setup.tiny else HRSpace(32)
    arch = space.smallest() if setup.tiny else named('scalenas_s1')
    size = (2, 3, 32, 64) if setup.tiny else (4, 3, 256, 512)
    place = {'device': setup.device, 'memory_format': torch.channels_last}
    x = images(size[0], *size[2:]).to(**place)
    autocast = nullcontext()
    if training.precision == 'bf16':
        autocast = torch.autocast(x.device.type, torch.bfloat16)  # type: ignore[assignment]
    step = partial(step_of, x=x, autocast=autocast)

    def supernet() -> Any:
        net = SuperScaleHRNet(space).to(**place)
        net.active(arch).__enter__()
        return net

    if training.what == 'supernet / static':
        ours, theirs = supernet(), ScaleHRNet(arch).to(**place)
    elif training.what == 'SyncBN / BN':
        ours, theirs = (
            ScaleHRNet(arch, norm_cfg={'type': kind}).to(**place) for kind in ('SyncBN', 'BN')
        )
    else:
        ours, theirs = compiled_units(supernet(), setup), supernet()

    def synced(action: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            action()
            synchronized(setup)

        return run

    first, second = synced(step(ours)), synced(step(theirs))
    row: dict[str, Any] = {**asdict(training), 'batch': len(x), 'size': list(x.shape[2:])}
    row['ratio'] = ratio(first, second, 3 if setup.tiny else 15)
    row['ms'] = timed(second, setup)
    if setup.is_cuda:
        torch.cuda.reset_peak_memory_stats()
        first()
        row['peak_mib'] = torch.cuda.max_memory_allocated() / 2**20
    return row


def compiled_units(net: Any, setup: Setup) -> nn.Module:
    """A supernet whose units run compiled, as with `compile_units` of `scalenas.SuperNet`."""
    import importlib.util

    # The rest of its room needs mmengine.
    path = Path(__file__).resolve().parents[1] / 'scalenas/training/compiling.py'
    spec = importlib.util.spec_from_file_location('compiling', path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    options = {'backend': 'aot_eager'} if setup.tiny else True
    compiler = module.UnitCompiler.from_config(options, net)

    class Compiled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Any:
            with compiler.running(self.net):
                return self.net(x)

    return Compiled()
