"""Networks as benchmarks/gpu.py runs them for inference: forms, precisions, layouts, launches."""

from __future__ import annotations

import copy
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from paired import spread
from torch import Tensor, nn
from torch.nn import functional as F
from without_mmengine import STOOD_IN

from scalenas import family_of
from scalenas.arch import find
from scalenas.models.folding import deployed_by

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
