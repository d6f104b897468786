"""Which part of a supernet's tensor a network uses: one rule, for the forward and for export.

Also how a convolution and a norm run in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from scalenas.arch.strict import as_choice, as_mapping
from scalenas.errors import CheckpointError, UserError

from .layers import padded

T = TypeVar('T')
NORM_KEYS = {
    'bn': ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'),
    'gn': ('weight', 'bias'),
}
"""Short name of a norm -> its entries in a state dict."""

Index = tuple[slice, ...]
Align = Literal['left', 'right']
ALIGNS: tuple[Align, ...] = ('left', 'right')


class WeightSlice(NamedTuple):
    """A tensor of a supernet, by its key, and the slices of the part that is used; () is all."""

    key: str
    slices: Index = ()

    def of(self, tensors: Mapping[str, Any]) -> Any:
        """The part itself; it shares memory with the whole."""
        whole = tensors[self.key]
        return whole[self.slices] if self.slices else whole

    def with_prefix(self, prefix: str) -> WeightSlice:
        """The same part where the supernet lies deeper in a model."""
        return WeightSlice(f'{prefix}{self.key}', self.slices)


WeightSlices = Mapping[str, WeightSlice]
"""State-dict key of a network -> where it lies in its supernet."""


def cut_state_dict(
    supernet_state: Mapping[str, T], parts: WeightSlices, prefix: str = 'backbone.'
) -> dict[str, T]:
    """The state dict of the model with the network of these parts as its backbone.

    Memory is shared, not copied. Entries without `prefix` (heads, necks) are kept as they are.

    Raises:
        CheckpointError: when the state dict lacks one of the parts.
    """
    missing = [
        f'{prefix}{part.key}'
        for part in parts.values()
        if f'{prefix}{part.key}' not in supernet_state
    ]
    if missing:
        raise CheckpointError(
            f'not the weights of a supernet of this space: {len(missing)} of {len(parts)} keys '
            'are missing, this one first',
            where=missing[0],
        )
    state = {k: v for k, v in supernet_state.items() if not k.startswith(prefix)}
    for key, part in parts.items():
        state[f'{prefix}{key}'] = part.with_prefix(prefix).of(supernet_state)
    return state


def window(shape: Sequence[int], whole: Sequence[int], align: Align = 'left') -> Index:
    """The part of a tensor of shape `whole` that is a tensor of `shape`.

    Shapes are those of vectors, (out, in) or (out, in, kernel, kernel). Of channels the first are
    used, or with align 'right' the last; of kernels the centre.

    Source: BigNAS (Yu et al. 2020), section 4.1; the sides: ScaleNet (Xie et al. 2022), released
    code.

    Raises:
        UserError: when a tensor of `shape` is not nested in the whole.
    """
    assert len(shape) == len(whole), (shape, whole)
    if tuple(shape) == tuple(whole):
        return ()
    channels = (_side(n, total, align) for n, total in zip(shape[:2], whole[:2], strict=True))
    kernels = (_centre(k, total) for k, total in zip(shape[2:], whole[2:], strict=True))
    return (*channels, *kernels)


def window_of(key: str, shape: Sequence[int], whole: Sequence[int]) -> WeightSlice:
    """The part, called `key`, of a tensor of shape `whole` that has this shape; see `window`."""
    return WeightSlice(key, window(shape, whole))


def _side(count: int, total: int, align: Align) -> slice:
    if not 0 < count <= total:
        raise UserError(where='channels of the supernet', got=count, allowed=f'1 ... {total}')
    return slice(0, count) if align == 'left' else slice(total - count, total)


def _centre(kernel: int, total: int) -> slice:
    if not 0 < kernel <= total or (total - kernel) % 2:
        raise UserError(
            where='kernel of the supernet',
            got=kernel,
            allowed=f'one that lies in the centre of {total}x{total}',
            hint='kernels of a space must be all odd, such as 3, 5, 7',
        )
    start = (total - kernel) // 2
    return slice(start, start + kernel)


def cut(tensor: Tensor, index: Index) -> Tensor:
    """The part of a tensor; the tensor itself where that is all."""
    return tensor[index] if index else tensor


CONVS = ('Conv2d', 'Conv2dAdaptivePadding')
"""Convolutions of which a part can run."""


def check_conv(conv_cfg: Mapping[str, Any] | None) -> None:
    """Pass for convolutions of which a part can run.

    Raises:
        ArchError: for others.
    """
    if conv_cfg is not None:
        kind = as_mapping(conv_cfg, 'conv_cfg', ('type',))['type']
        as_choice(kind, 'conv_cfg.type', CONVS)


class ChannelSlice(NamedTuple):
    """Which part of a convolution runs: of its weight, and of its bias and norm."""

    weight: Index = ()
    channels: Index = ()


def run_conv(conv: nn.Module, part: ChannelSlice, x: Tensor) -> Tensor:
    """A convolution with 'same' padding; one that is depthwise stays so."""
    assert isinstance(conv, nn.Conv2d)
    weight = cut(conv.weight, part.weight)
    bias = None if conv.bias is None else cut(conv.bias, part.channels)
    groups = weight.shape[0] if conv.groups > 1 else 1
    padding = weight.shape[-1] // 2
    if type(conv) is not nn.Conv2d:  # mmcv's, with the padding of TensorFlow
        x, padding = padded(x, weight.shape[-1], conv.stride[0]), 0
    return F.conv2d(x, weight, bias, conv.stride, padding, groups=groups)


def run_norm(norm: nn.Module, channels: Index, x: Tensor) -> Tensor:
    """A batch norm on some of its channels; in training their statistics, and no others, move.

    The module itself is called, so that its hooks see the forward.
    """
    if not channels:
        whole: Tensor = norm(x)
        return whole
    vectors = [*norm.named_parameters(recurse=False), *norm.named_buffers(recurse=False)]
    parts = {name: value[channels] for name, value in vectors if value.dim()}
    if torch.jit.is_tracing():
        return _traced(norm, parts, x)
    result: Tensor = functional_call(norm, parts, (x,), tie_weights=False)
    return result


def _traced(norm: nn.Module, parts: Mapping[str, Tensor], x: Tensor) -> Tensor:
    # functional_call refuses to be traced; cost analysers and exports to ONNX trace.
    tables: tuple[dict[str, Any], ...] = (norm._parameters, norm._buffers)
    whole = [(held, dict(held)) for held in tables]
    try:
        for held, before in whole:
            held.update((name, parts[name]) for name in before if name in parts)
        result: Tensor = norm(x)
        return result
    finally:
        for held, before in whole:
            held.update(before)
