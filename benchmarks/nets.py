"""The networks and steps that the benchmarks time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from scalenas.arch import HRArch
from scalenas.models import ScaleHRNet, SuperScaleHRNet
from scalenas.models.super_hrnet import slice_state_dict
from scalenas.space import HRSpace


def pair(space: HRSpace, arch: HRArch) -> tuple[SuperScaleHRNet, ScaleHRNet]:
    """A supernet, and the static twin of one of its sub-nets with the same weights."""
    torch.manual_seed(0)
    supernet = SuperScaleHRNet(space)
    static = ScaleHRNet(arch)
    static.load_state_dict(slice_state_dict(supernet.state_dict(), space, arch, prefix=''))
    return supernet, static


def forward(net: nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """One inference pass."""
    net.eval()

    def run() -> object:
        with torch.no_grad():
            return net(x)

    return run


def saved_bytes(net: nn.Module, x: torch.Tensor) -> int:
    """Bytes of distinct tensors that one forward pass keeps for its backward pass."""
    seen: dict[int, int] = {}
    owned = {p.untyped_storage().data_ptr() for p in net.parameters()}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    net.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = net(x)
    del outputs
    return sum(seen.values())


def step_bytes(net: nn.Module, x: torch.Tensor) -> int:
    """Bytes that a training step with momentum holds at its peak between forward and backward:
    weights, gradients and momentum of what has them, and activations kept for backward.
    """
    kept = saved_bytes(net, x)
    optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9)
    torch.stack([y.square().mean() for y in net(x)]).sum().backward()
    optimizer.step()
    grads = [p.grad for p in net.parameters() if p.grad is not None]
    momentum = [state['momentum_buffer'] for state in optimizer.state.values()]
    return kept + sum(t.nbytes for t in [*net.parameters(), *grads, *momentum])
