"""Which part of a supernet's tensor a network uses: one rule, for the forward and for export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from torch import Tensor

from scalenas.errors import CheckpointError, UserError

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
