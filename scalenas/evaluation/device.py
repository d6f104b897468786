"""Which device a tool works on: one rule for all of them, that of training."""

from __future__ import annotations

import re

import torch
from mmengine.device import get_device
from mmengine.logging import print_log

from scalenas.errors import EvaluationError


def choose_device(name: str | None = None) -> torch.device:
    """The device of this name; without one that which mmengine's Runner would train on.

    The log says which it is.

    Raises:
        EvaluationError: when torch knows no such device, or this machine has none.
    """
    default = get_device()
    if name is None:
        print_log(f'device: {default} (as in training; --device names another)', 'current')
        return torch.device(default)
    if name != default:
        _check(name)
    print_log(f'device: {name}', 'current')
    return torch.device(name)


def _check(name: str) -> None:
    try:
        device = torch.device(name) if re.fullmatch(r'cpu|cuda(:[0-9]+)?', name) else None
    except RuntimeError:  # cuda:00, cuda:1000
        device = None
    if device is None:
        raise EvaluationError(where='device', got=name, allowed='cpu, cuda or cuda:N')
    if device.type == 'cuda':
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            raise EvaluationError(
                'torch sees no GPU on this machine', where='device', got=name, allowed='cpu'
            )
        if (device.index or 0) >= count:
            raise EvaluationError(
                where='device', got=name, allowed=f'cuda:0 ... cuda:{count - 1}, which torch sees'
            )
