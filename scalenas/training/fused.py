"""`fused_optimizer` of a config: one kernel of torch for all weights, where there is one.

Two things that torch's loop over weights does not mind must be seen to (torch 2.13): fused kernels
take what is kept of a weight to lie in memory as the weight does, and update it by the values of
others where it does not; and that of SGD fails where some weights have momentum and others, which
no step used before, have none.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import OptimWrapperDict
from mmengine.registry import OPTIMIZERS

KEY = 'fused_optimizer'


def use_fused(cfg: Config) -> None:
    """Sets `fused` of the optimizer where `fused_optimizer` asks for it, and torch has it here.

    What the config itself says of `fused` or `foreach` stays. The values are those of the loop over
    weights, but for the rounding; weights without a gradient stay as they are in both. With
    dampening, which spares a weight's first gradient, they would not be.
    """
    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer')
    if not cfg.get(KEY, False) or not isinstance(optimizer, dict):
        return
    if 'fused' in optimizer or 'foreach' in optimizer or optimizer.get('dampening'):
        return
    device = get_device()
    if has_fused(optimizer.get('type'), device):
        optimizer['fused'] = True
    else:
        print_log(f'{KEY}: this torch has no fused {optimizer.get("type")} on {device}', 'current')


def has_fused(kind: Any, device: str) -> bool:
    """Whether torch has such a kernel, of which it tells when an optimizer is made."""
    kind = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
    if not isinstance(kind, type) or not issubclass(kind, torch.optim.Optimizer):
        return False
    try:
        kind([torch.zeros(1, device=device, requires_grad=True)], lr=0.1, fused=True)  # type: ignore[call-arg]
    except (TypeError, RuntimeError):
        return False
    return True


def make_ready(optimizers: Any) -> None:
    """Lets fused kernels find what they take for granted; before training, after a resume.

    What is kept of a weight gets its order in memory: a checkpoint may be of a training with
    channels last, or be resumed by one. With fused SGD every weight has its momentum from the
    start, zero, to which a first gradient is added.
    """
    wrappers = optimizers.values() if isinstance(optimizers, OptimWrapperDict) else [optimizers]
    for optimizer in (wrapper.optimizer for wrapper in wrappers):
        for weight, state in optimizer.state.items():
            for key, value in state.items():
                if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                    state[key] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
        if not isinstance(optimizer, torch.optim.SGD):
            continue
        for group in optimizer.param_groups:
            if group.get('fused') and group['momentum'] and not group['dampening']:
                for weight in group['params']:
                    state = optimizer.state[weight]
                    if state.get('momentum_buffer') is None:
                        state['momentum_buffer'] = torch.zeros_like(weight)
