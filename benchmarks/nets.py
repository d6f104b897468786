"""The networks and steps that the benchmarks time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, DefaultScope
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


def hrnet_extra() -> dict[str, Any]:
    """HRNet-W32 as the OpenMMLab packages describe it."""
    return {
        f'stage{j + 1}': {
            'num_modules': modules,
            'num_branches': max(1, j + 1),
            'block': 'BASIC' if j else 'BOTTLENECK',
            'num_blocks': (4,) * (j + 1),
            'num_channels': tuple(32 * 2**i for i in range(j + 1)) if j else (64,),
        }
        for j, modules in enumerate((1, 1, 4, 3))
    }


def segmentor(backbone: Mapping[str, Any]) -> nn.Module:
    """mmseg's model of a backbone of HRNet's kind, with HRNetV2's head for 19 classes."""
    channels = [32, 64, 128, 256]
    head = {
        'type': 'FCNHead',
        'in_channels': channels,
        'in_index': (0, 1, 2, 3),
        'channels': sum(channels),
        'input_transform': 'resize_concat',
        'kernel_size': 1,
        'num_convs': 1,
        'concat_input': False,
        'dropout_ratio': -1,
        'num_classes': 19,
        'norm_cfg': {'type': 'BN'},
        'align_corners': False,
    }
    model = {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head}
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        built: nn.Module = MODELS.build(ConfigDict(model, test_cfg={'mode': 'whole'}))
    return built


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
