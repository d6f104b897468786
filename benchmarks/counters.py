"""What eight ways to count print for the same networks, over the exact multiply-adds.

python benchmarks/counters.py --packages FOLDER

FOLDER is where the counters were installed, apart from everything else:

    pip install --no-deps --target FOLDER fvcore==0.1.5.post20221221 iopath==0.1.10 yacs==0.1.8 \\
        portalocker tabulate ptflops==0.7.5 thop==0.1.1.post2209072238 torchinfo==1.8.0 \\
        calflops==0.3.2

Prints the table of docs/costs.md. A counter that is not installed, or raises, has a word instead of
a number. Exact are the multiply-adds of convolutions, linear layers and products of matrices, by
`scalenas.evaluation.trace`.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import logging
import random
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import timm
import torch
from torch import nn
from torch.nn import functional as F

from scalenas.evaluation import trace
from scalenas.models import SuperMBConvNet
from scalenas.space import MBConvSpace, StageChoices

Size = tuple[int, int]
Ask = Callable[[nn.Module, Size], float]


class Attention(nn.Module):
    """One head over the pixels of a map, by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, 4)
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (N, 3, H, W) -> (N, H / 4 * W / 4, 32)."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        return F.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x))


def fvcore(net: nn.Module, size: Size) -> float:
    from fvcore.nn import FlopCountAnalysis

    return float(FlopCountAnalysis(net, torch.zeros(1, 3, *size)).total())


def mmengine(net: nn.Module, size: Size) -> float:
    from mmengine.analysis import get_model_complexity_info

    found = get_model_complexity_info(net, (3, *size), show_table=False, show_arch=False)
    return float(found['flops'])


def ptflops(net: nn.Module, size: Size, backend: str = 'pytorch') -> float:
    from ptflops import get_model_complexity_info

    found, _ = get_model_complexity_info(
        net,
        (3, *size),
        as_strings=False,
        print_per_layer_stat=False,
        backend=backend,
        verbose=False,
    )
    return float(found)


def thop(net: nn.Module, size: Size) -> float:
    from thop import profile

    return float(profile(net, (torch.zeros(1, 3, *size),), verbose=False)[0])


def torchinfo(net: nn.Module, size: Size) -> float:
    from torchinfo import summary

    return float(summary(net, (1, 3, *size), verbose=0).total_mult_adds)


def torch_counter(net: nn.Module, size: Size) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, *size))
    return float(counter.get_total_flops())


def calflops(net: nn.Module, size: Size) -> float:
    # The package imports two large ones for what is not asked of it here.
    for name in ('flops_counter_hf', 'estimate'):
        stub = types.ModuleType(f'calflops.{name}')
        stub.calculate_flops_hf = stub.create_empty_model = None  # type: ignore[attr-defined]
        sys.modules.setdefault(stub.__name__, stub)
    from calflops import calculate_flops

    _, found, _ = calculate_flops(
        net, (1, 3, *size), print_results=False, print_detailed=False, output_as_string=False
    )
    return float(found)


COUNTERS: dict[str, Ask] = {
    'mmengine': mmengine,
    'fvcore': fvcore,
    'ptflops': ptflops,
    'ptflops, aten': lambda net, size: ptflops(net, size, 'aten'),
    'thop': thop,
    'torchinfo': torchinfo,
    'torch': torch_counter,
    'calflops, macs': calflops,
}


def of_timm(name: str) -> Callable[[], contextlib.AbstractContextManager[nn.Module]]:
    """A network of timm with random weights."""
    return lambda: contextlib.nullcontext(timm.create_model(name))


@contextmanager
def sub_net() -> Iterator[nn.Module]:
    """A network active in its supernet, of which slices run."""
    stages = [StageChoices((16, 24), (1, 2), (3, 5), (6,), stride=2) for _ in range(4)]
    space = MBConvSpace(stages, resolution=(224,), stem=(16, 24), conv_out=(128, 160))
    supernet = SuperMBConvNet(space)
    with supernet.active(space.sample(random.Random(1))):
        yield supernet


NETS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[nn.Module]], Size]] = {
    'HRNet-W32, features': (
        lambda: contextlib.nullcontext(timm.create_model('hrnet_w32', features_only=True)),
        (256, 512),
    ),
    'EfficientNet-B0': (of_timm('efficientnet_b0'), (224, 224)),
    'tf_EfficientNet-B0': (of_timm('tf_efficientnet_b0'), (224, 224)),
    'RegNetY-4GF': (of_timm('regnety_040'), (224, 224)),
    'an active sub-net': (sub_net, (224, 224)),
    'attention by functions': (lambda: contextlib.nullcontext(Attention()), (32, 32)),
}


class Function(nn.Module):
    """A function as a module, as it stands in a forward."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Whatever the function gives."""
        return self.function(x)


BESIDE: dict[str, Callable[[], nn.Module]] = {
    'batch norm': lambda: nn.BatchNorm2d(8),
    'ReLU': nn.ReLU,
    'ReLU as a function': lambda: Function(F.relu),
    'SiLU': nn.SiLU,
    'sigmoid as a function': lambda: Function(torch.sigmoid),
    'a sum of two maps': lambda: Function(lambda x: x + x),
    'nearest upsampling': lambda: nn.Upsample(scale_factor=2),
    'nearest upsampling as a function': lambda: Function(
        lambda x: F.interpolate(x, scale_factor=2)
    ),
    'bilinear upsampling': lambda: nn.Upsample(scale_factor=2, mode='bilinear'),
    'bilinear upsampling as a function': lambda: Function(
        lambda x: F.interpolate(x, scale_factor=2, mode='bilinear')
    ),
    'average pooling, an input element': lambda: nn.AdaptiveAvgPool2d(1),
}
"""What stands beside convolutions -> a module of it over 8 channels."""


def beside(ask: Ask, make: Callable[[], nn.Module]) -> str:
    """Operations that a counter adds for an output element of a module after a convolution."""

    def base() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 1, bias=False)).eval()

    size, whole = (16, 16), nn.Sequential(*base(), make()).eval()
    elements = max(whole(torch.zeros(1, 3, *size)).numel(), 8 * 16 * 16)
    cells = [asked(ask, net, size, elements) for net in (whole, base())]
    if not all(cell[0].isdigit() for cell in cells):
        return cells[0]
    return f'{float(cells[0]) - float(cells[1]):.0f}'


def asked(ask: Ask, net: nn.Module, size: Size, exact: int) -> str:
    """The ratio that a counter gives, or why it gives none."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return f'{ask(net, size) / exact:.4f}'
    except ImportError as error:
        return f'needs {error.name}'
    except Exception as error:
        return type(error).__name__


def main() -> None:
    """Ask every counter about every network, each time of a fresh copy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--packages', metavar='FOLDER', help='where the counters are installed')
    args = parser.parse_args()
    if args.packages:
        sys.path.append(args.packages)
    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    print(f'| operations an element | {" | ".join(COUNTERS)} |')
    print('|---' * (1 + len(COUNTERS)) + '|')
    for name, module in BESIDE.items():
        print(f'| {name} | {" | ".join(beside(ask, module) for ask in COUNTERS.values())} |')
    print(f'\n| net | size | exact macs | {" | ".join(COUNTERS)} |')
    print('|---' * (3 + len(COUNTERS)) + '|')
    for name, (make, (height, width)) in NETS.items():
        cells = []
        with make() as made:
            made.eval()
            exact = trace(made, (height, width))['macs']
            for ask in COUNTERS.values():
                # Some leave hooks, or another mode.
                cells.append(asked(ask, _copy(made), (height, width), exact))
        print(f'| {name} | {height}x{width} | {exact:,} | {" | ".join(cells)} |', flush=True)


def _copy(net: Any) -> nn.Module:
    return copy.deepcopy(net)


if __name__ == '__main__':
    main()
