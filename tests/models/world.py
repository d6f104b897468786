"""Small networks with weights and statistics that are not those of a fresh one."""

from __future__ import annotations

import torch
from torch import nn

from scalenas.space import HRSpace

DEMO = HRSpace(
    width=8, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8
)
INNER = HRSpace.from_dict({**DEMO.to_dict(), 'inner_widths': (0.5, 1.0)})
"""The same with inner widths."""


def lively(net: nn.Module, seed: int = 0, train: bool = False) -> nn.Module:
    """`net` in float64 with random norms, so that no layer is an identity by chance."""
    generator = torch.Generator().manual_seed(seed)
    net.double()
    net.train(train)  # HRNet's own train() and eval() return None
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                if module.affine:
                    module.weight.uniform_(0.5, 1.5, generator=generator)
                    module.bias.normal_(0, 0.1, generator=generator)
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
    return net


def pictures(*size: int, seed: int = 0) -> torch.Tensor:
    """Random input of this size, float64."""
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_close(wanted: torch.Tensor, got: torch.Tensor) -> None:
    """Equal within 1e-10 of the largest value: all that float64 leaves after a deep network."""
    assert got.shape == wanted.shape
    assert wanted.std() > 1e-3
    assert (got - wanted).abs().max() <= 1e-10 * wanted.abs().max()


def stock_extra(width: int, modules: tuple[int, int, int] = (1, 4, 3), blocks: int = 4) -> dict:
    """HRNet's own `extra`."""
    extra = {
        'stage1': {
            'num_modules': 1,
            'num_branches': 1,
            'block': 'BOTTLENECK',
            'num_blocks': (blocks,),
            'num_channels': (64,),
        }
    }
    for s, count in enumerate(modules, 2):
        extra[f'stage{s}'] = {
            'num_modules': count,
            'num_branches': s,
            'block': 'BASIC',
            'num_blocks': (blocks,) * s,
            'num_channels': tuple(width * 2**i for i in range(s)),
        }
    return extra
