#!/usr/bin/env python3
"""What a GPU gives our networks: one command, eight minutes at most, one JSON.

    python benchmarks/gpu.py [--out gpu.json] [--budget 480]

From a clone, with torch, numpy and PyYAML; mmengine and the task packages need not be there. Times
are medians with quartiles of single passes; `ratio` is to the plain net in fp32 on contiguous
maps, `error` the difference of the outputs from that net's, in L2 relative to them. The last
results measure the first case of each net again, and say by how much the machine drifted. What no
time is left for is in `skipped`. With `--device cpu --tiny` the script tries itself.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from paired import ratio, spread
from torch import Tensor, nn
from torch.nn import functional as F
from without_mmengine import STOOD_IN

from scalenas import family_of
from scalenas.arch import find
from scalenas.models.folding import deployed_by
from scalenas.space import HRSpace

DTYPES = {
    'fp32': torch.float32,
    'tf32': torch.float32,
    'fp16': torch.float16,
    'bf16': torch.bfloat16,
}
SECONDS = 0.5
"""How long a case is measured, at least."""


@dataclass(frozen=True)
class Setup:
    """Where and how much is measured: batch and size of segmentation, classification, training."""

    device: str
    tiny: bool

    @property
    def nets(self) -> dict[str, tuple[int, int, int]]:
        """Arch -> images, height and width."""
        if self.tiny:
            return {'hrnet_w18_small': (1, 32, 32), 'efficientnet_b0': (2, 32, 32)}
        dense = dict.fromkeys(('scalenas_s1', 'hrnet_w32', 'hrnet_w48'), (1, 512, 1024))
        return dense | dict.fromkeys(('efficientnet_b0', 'regnety_4.0gf'), (64, 224, 224))

    @property
    def is_cuda(self) -> bool:
        """True on a GPU."""
        return self.device.startswith('cuda')


@dataclass(frozen=True)
class Case:
    """A way to run a net: its form, numbers, memory format, and what launches its kernels."""

    net: str
    form: str = 'plain'
    precision: str = 'fp32'
    layout: str = 'contiguous'
    launch: str = 'eager'


WAYS = (
    {},
    {'precision': 'tf32'},
    {'precision': 'fp16', 'layout': 'channels_last'},
    {'precision': 'bf16', 'layout': 'channels_last'},
    {'form': 'deployed'},
    {'form': 'deployed', 'precision': 'fp16', 'layout': 'channels_last'},
    {'form': 'deployed', 'precision': 'bf16', 'layout': 'channels_last'},
    {'precision': 'fp16', 'layout': 'channels_last', 'launch': 'graph'},
    {'form': 'deployed', 'precision': 'fp16', 'layout': 'channels_last', 'launch': 'graph'},
    {'layout': 'channels_last'},
    {'precision': 'tf32', 'layout': 'channels_last'},
    {'precision': 'fp16'},
    {'form': 'deployed', 'precision': 'tf32', 'layout': 'channels_last'},
    {'launch': 'graph'},
)
"""In the order in which they are measured, each for all nets."""

COMPILED = (
    {'form': 'deployed', 'precision': 'fp16', 'layout': 'channels_last', 'launch': 'compile'},
    {'precision': 'fp16', 'layout': 'channels_last', 'launch': 'compile'},
)


class SegmentationNet(nn.Module):
    """Backbone and mmseg's FCNHead over all maps: 19 classes at a quarter of the size."""

    def __init__(self, backbone: nn.Module, channels: tuple[int, ...]) -> None:
        super().__init__()
        width = sum(channels)
        self.backbone = backbone
        self.conv = nn.Conv2d(width, width, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.conv_seg = nn.Conv2d(width, 19, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W) -> logits (N, 19, H / 4, W / 4)."""
        maps = self.backbone(x)
        size = maps[0].shape[2:]
        same = [maps[0], *(F.interpolate(y, size=size, mode='bilinear') for y in maps[1:])]
        result: Tensor = self.conv_seg(F.relu(self.bn(self.conv(torch.cat(same, 1)))))
        return result


class ClassificationNet(nn.Module):
    """Backbone, mean over the map, and 1000 classes."""

    def __init__(self, backbone: nn.Module, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(channels[-1], 1000)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, 3, H, W) -> logits (N, 1000)."""
        result: Tensor = self.fc(self.backbone(x)[-1].mean((2, 3)))
        return result


def images(count: int, height: int, width: int) -> Tensor:
    """The same for the same size."""
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def build(name: str, form: str) -> nn.Module:
    """On the CPU, with random weights, and statistics that keep all maps near 1."""
    torch.manual_seed(0)
    arch = find(name)
    backbone = family_of(arch).net(arch)
    channels = tuple(backbone.out_channels)
    head = family_of(arch).head
    net = (SegmentationNet if head.startswith('seg') else ClassificationNet)(backbone, channels)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    x = images(2, 64, 64)
    with torch.no_grad():
        net.train()(x)
    net.eval()
    if form == 'plain':
        return net
    return deployed_by(net, lambda model: model(x), channels_last=False)


_BUILT: dict[tuple[str, str], nn.Module] = {}


def placed(case: Case, setup: Setup) -> tuple[nn.Module, Tensor]:
    """The net on the device, and its images."""
    key = case.net, case.form
    if key not in _BUILT:
        _BUILT[key] = build(*key)
    layout = getattr(torch, {'contiguous': 'contiguous_format'}.get(case.layout, case.layout))
    where = {'device': setup.device, 'dtype': DTYPES[case.precision], 'memory_format': layout}
    return copy.deepcopy(_BUILT[key]).to(**where), images(*setup.nets[case.net]).to(**where)


def launched(case: Case, net: nn.Module, x: Tensor, setup: Setup) -> Callable[[], Tensor]:
    """One pass, as the case launches it."""
    if case.launch == 'eager':
        return lambda: net(x)  # type: ignore[no-any-return]
    if case.launch == 'compile':
        backend = {'backend': 'aot_eager'} if setup.tiny else {}
        compiled = torch.compile(net, **backend)  # type: ignore[call-overload]
        return lambda: compiled(x)  # type: ignore[no-any-return]
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            net(x)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = net(x)

    def replay() -> Tensor:
        graph.replay()
        return output  # type: ignore[no-any-return]

    return replay


def synchronized(setup: Setup) -> None:
    """Waits for the device."""
    if setup.is_cuda:
        torch.cuda.synchronize()


def timed(action: Callable[[], object], setup: Setup) -> dict[str, float]:
    """Milliseconds of single passes."""
    for _ in range(1 if setup.tiny else 5):
        action()
    synchronized(setup)
    passes: list[float] = []
    end = time.perf_counter() + (0 if setup.tiny else SECONDS)
    while len(passes) < (3 if setup.tiny else 20) or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        synchronized(setup)
        passes.append(1000 * (time.perf_counter() - start))
    return spread(passes)


def use_tf32(wanted: bool) -> None:
    """Whether fp32 may be computed in tf32."""
    torch.backends.cuda.matmul.allow_tf32 = wanted
    torch.backends.cudnn.allow_tf32 = wanted


@torch.inference_mode()
def measured(case: Case, setup: Setup, wanted: Tensor | None) -> tuple[dict[str, Any], Tensor]:
    """The row of a case, and the outputs of its net; `wanted` are those in fp32."""
    use_tf32(case.precision == 'tf32')
    if setup.is_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    net, x = placed(case, setup)
    action = launched(case, net, x, setup)
    outputs = action().float().cpu()
    row: dict[str, Any] = {**asdict(case), 'batch': len(x), 'size': list(x.shape[2:])}
    row['ms'] = timed(action, setup)
    row['images_per_s'] = 1000 * len(x) / row['ms']['median']
    if setup.is_cuda:
        row['peak_mib'] = torch.cuda.max_memory_allocated() / 2**20
    reference = outputs if wanted is None else wanted
    row['error'] = float((outputs - reference).norm() / reference.norm())
    return row, outputs


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


class Clock:
    """Keeps the budget: a job begins only when there is time for one like those before it."""

    def __init__(self, budget: float) -> None:
        self.start, self.budget = time.perf_counter(), budget
        self.longest: dict[str, float] = {'compile': 45.0, 'training': 15.0}

    @property
    def left(self) -> float:
        """Seconds."""
        return self.budget - (time.perf_counter() - self.start)

    def has_time_for(self, kind: str) -> bool:
        """True when a job of this kind fits."""
        return self.left > 1.2 * self.longest.get(kind, 3.0)

    def took(self, kind: str, seconds: float) -> None:
        """Notes how long one took; the defaults are guesses, and give way to the first."""
        known = self.longest.get(kind, 0.0) if kind not in ('compile', 'training') else 0.0
        self.longest[kind] = max(known, seconds)


def why_not(case: Case | Training, setup: Setup) -> str | None:
    """What this device cannot do; None when it can."""
    if setup.is_cuda:
        if case.precision in ('bf16', 'tf32') and torch.cuda.get_device_capability() < (8, 0):
            return f'this GPU has no {case.precision}'
        return None
    launch = case.launch if isinstance(case, Case) else ''
    if launch == 'graph' or case.precision in ('tf32', 'fp16'):
        return f'needs a GPU: {launch if launch == "graph" else case.precision}'
    if isinstance(case, Training) and case.what.startswith('SyncBN'):
        return 'needs a GPU: SyncBN'
    return None


def jobs(setup: Setup) -> Iterator[tuple[str, Case | Training]]:
    """All that is measured, by kind, in order."""
    for way in WAYS:
        for net in setup.nets:
            yield 'inference', replace(Case(net), **way)
    for training in TRAININGS:
        yield 'training', training
    for way in COMPILED:
        for net in setup.nets:
            yield 'compile', replace(Case(net), **way)
    if setup.tiny:  # one that runs on a CPU
        yield 'compile', Case('efficientnet_b0', launch='compile')
    for net in setup.nets:
        yield 'again', Case(net)


def alone(case: Case, setup: Setup, seconds: float) -> dict[str, Any]:
    """A case in a process of its own, which ends in time: torch cannot be stopped while compiling.

    Raises:
        subprocess.SubprocessError: when it takes longer, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'row.json'
        command = [sys.executable, __file__, '--device', setup.device, '--out', str(out)]
        command += ['--case', json.dumps(asdict(case)), *(['--tiny'] if setup.tiny else [])]
        subprocess.run(command, check=True, timeout=max(1.0, seconds), capture_output=True)
        row: dict[str, Any] = json.loads(out.read_text())
        return row


def run(setup: Setup, budget: float, out: Path) -> dict[str, Any]:
    """Measures what fits into the budget; the file is whole after each row."""
    clock = Clock(budget)
    document: dict[str, Any] = {
        'setting': setting(setup),
        'budget_s': budget,
        'results': [],
        'trainings': [],
        'skipped': [],
    }
    first: dict[str, tuple[float, Tensor]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if setup.is_cuda:
            torch.distributed.init_process_group(
                'nccl', init_method=f'file://{folder}/meet', rank=0, world_size=1
            )
        for kind, case in jobs(setup):
            reason = why_not(case, setup)
            if reason is None and not clock.has_time_for(kind):
                reason = 'no time left'
            begun = time.perf_counter()
            try:
                if reason is not None:
                    document['skipped'].append({'kind': kind, **asdict(case), 'why': reason})
                elif isinstance(case, Training):
                    document['trainings'].append(compare(case, setup))
                else:
                    document['results'].append(_row(kind, case, setup, clock, first))
            except (RuntimeError, subprocess.SubprocessError) as error:
                # Such as out of memory: the others are worth having.
                why = f'{type(error).__name__}: {" ".join(str(error).split())[:300]}'
                document['skipped'].append({'kind': kind, **asdict(case), 'why': why})
            if reason is None:
                clock.took(kind, time.perf_counter() - begun)
            document['seconds'] = time.perf_counter() - clock.start
            out.write_text(json.dumps(document, indent=1) + '\n')
        if setup.is_cuda:
            torch.distributed.destroy_process_group()
    return document


def _row(
    kind: str, case: Case, setup: Setup, clock: Clock, first: dict[str, tuple[float, Tensor]]
) -> dict[str, Any]:
    known = first.get(case.net)
    if kind == 'compile':
        row = alone(case, setup, clock.left - 5)
    else:
        row, outputs = measured(case, setup, None if known is None else known[1])
        if known is None and case == Case(case.net):
            known = first[case.net] = (row['ms']['median'], outputs)
    if known is not None:
        row['ratio'] = row['ms']['median'] / known[0]
    return {'kind': kind, **row}


def setting(setup: Setup) -> dict[str, Any]:
    """Which machine, and which software."""
    found: dict[str, Any] = {
        'torch': torch.__version__,
        'python': platform.python_version(),
        'device': setup.device,
        'tiny': setup.tiny,
        'mmengine': not STOOD_IN,
    }
    if setup.is_cuda:
        properties = torch.cuda.get_device_properties(0)
        found |= {
            'gpu': properties.name,
            'memory_gib': properties.total_memory / 2**30,
            'capability': list(torch.cuda.get_device_capability()),
            'cuda': torch.version.cuda,
            'cudnn': torch.backends.cudnn.version(),
        }
    return found


def table(document: dict[str, Any]) -> str:
    """Markdown of all rows."""
    lines = ['| net | form | how | ms | / fp32 | images/s | MiB | error |', '|' + '---|' * 8]
    for row in document['results']:
        how = ' '.join((row['precision'], row['layout'], row['launch']))
        peak = f'{row["peak_mib"]:,.0f}' if 'peak_mib' in row else ''
        again = ', again' if row['kind'] == 'again' else ''
        lines.append(
            f'| {row["net"]}{again} | {row["form"]} | {how} | {row["ms"]["median"]:.2f} | '
            f'{row.get("ratio", math.nan):.2f} | {row["images_per_s"]:,.0f} | {peak} | '
            f'{row["error"]:.1e} |'
        )
    for row in document['trainings']:
        lines.append(
            f'| {row["what"]} | training | {row["precision"]} | | '
            f'{row["ratio"]["median"]:.3f} | | {row.get("peak_mib", 0):,.0f} | |'
        )
    return '\n'.join(lines)


def main() -> None:
    """Measures, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=Path('gpu.json'))
    parser.add_argument('--budget', type=float, default=480, help='seconds')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--tiny', action='store_true', help='small nets: tries the script itself')
    parser.add_argument('--case', help=argparse.SUPPRESS)
    args = parser.parse_args()
    setup = Setup(args.device, args.tiny)
    if setup.is_cuda and not torch.cuda.is_available():
        sys.exit(
            'benchmarks/gpu.py: torch sees no GPU on this machine; --device cpu --tiny tries it'
        )
    torch.backends.cudnn.benchmark = True
    if args.case is not None:
        case = Case(**json.loads(args.case))
        with torch.inference_mode():
            wanted = measured(Case(case.net), setup, None)[1]
        args.out.write_text(json.dumps(measured(case, setup, wanted)[0]))
        return
    document = run(setup, args.budget, args.out)
    print(table(document))
    count, skipped = len(document['results'] + document['trainings']), len(document['skipped'])
    print(f'{count} rows in {document["seconds"]:.0f} s, {skipped} skipped: {args.out}')


if __name__ == '__main__':
    main()
