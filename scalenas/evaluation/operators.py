"""Which operators of torch multiply and add, and which are free by the rule of all cost tables.

Multiply-adds are those of convolutions, linear layers and products of matrices, attention among
them, by torch's own formulas (`torch.utils.flop_counter`, which counts two operations for each).
Norms, activations, pooling and resizing are free, as in published tables. What is neither is an
error: a counter that passes over what it does not know gives numbers that look right.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch._ops import OpOverload
from torch.utils.flop_counter import flop_registry

Formula = Callable[..., int]
"""Arguments of an operator, and its result as `out_val` -> twice its multiply-adds."""


def _vector(matrix: torch.Tensor, *_: Any, out_val: Any = None, **__: Any) -> int:
    return 2 * matrix.numel()


def _added_vector(_: Any, matrix: torch.Tensor, *__: Any, out_val: Any = None, **___: Any) -> int:
    return 2 * matrix.numel()


def _added_batches(_: Any, x: torch.Tensor, y: torch.Tensor, *__: Any, **___: Any) -> int:
    return 2 * x.numel() * y.shape[-1]


def _flash_on_cpu(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *_: Any, out_val: Any = None, **__: Any
) -> int:
    heads = prod(q.shape[:-2]) * q.shape[-2]
    return 2 * heads * k.shape[-2] * (q.shape[-1] + v.shape[-1])


aten = torch.ops.aten
MULTIPLYING: dict[Any, Formula] = {
    **flop_registry,
    aten.mv: _vector,
    aten.dot: _vector,
    aten.vdot: _vector,
    aten.addmv: _added_vector,
    aten.addbmm: _added_batches,
    aten._scaled_dot_product_flash_attention_for_cpu: _flash_on_cpu,
    aten._scaled_dot_product_fused_attention_overrideable: _flash_on_cpu,
}
"""Operator (without its overload) -> its formula. More can be put in: see `docs/costs.md`."""

CONVOLUTIONS = frozenset(
    getattr(aten, name)
    for name in ('convolution', '_convolution', 'cudnn_convolution', 'convolution_overrideable')
)
"""Those whose output values are activations."""

_NORMS = """
native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
_native_batch_norm_legit_functional _batch_norm_no_update _batch_norm_with_update
cudnn_batch_norm miopen_batch_norm batch_norm_elemt batch_norm_stats
native_layer_norm native_group_norm _fused_rms_norm linalg_vector_norm norm
"""
_REDUCTIONS = """
sum mean amax amin max min argmax argmin aminmax var std var_mean std_mean prod all any
cumsum cumprod cummax cummin logsumexp count_nonzero nansum
_softmax _log_softmax softmax log_softmax _safe_softmax
sort topk kthvalue median mode unique _unique2 nonzero bincount
"""
_POOLING_AND_RESIZING = """
max_pool2d_with_indices avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d avg_pool1d
max_pool3d_with_indices avg_pool3d _adaptive_avg_pool3d max_unpool2d
upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d
fractional_max_pool2d fractional_max_pool3d adaptive_max_pool3d max_unpool3d
upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d
_upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler_2d
"""
_MOVING = """
constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d
replication_pad1d replication_pad2d replication_pad3d resize_as
im2col col2im pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
cat stack unsafe_split unsafe_split_with_sizes unsafe_chunk
flip roll repeat repeat_interleave tile rot90
index index_put index_select index_add index_copy index_fill gather scatter scatter_add
scatter_reduce masked_select masked_scatter embedding one_hot take tril triu
_unsafe_index _unsafe_view _reshape_alias _reshape_copy
clone copy _to_copy detach alias lift_fresh lift_fresh_copy resize set contiguous
_local_scalar_dense is_same_size equal _fused_sdp_choice _assert_async
"""
_MAKING = """
empty empty_strided empty_like new_empty new_empty_strided zeros zeros_like new_zeros
ones ones_like new_ones full full_like new_full arange linspace eye scalar_tensor fill zero
rand randn randint randperm rand_like randn_like bernoulli uniform normal native_dropout
"""
# Those without torch's own tag.
_ELEMENTWISE = """
_prelu_kernel hardswish rrelu_with_noise glu log_sigmoid_forward
_weight_norm_interface _weight_norm
"""
_VIEWS = 'transpose swapaxes swapdims t squeeze unsqueeze as_strided'  # in place, so no views
_FREE_KINDS = (_NORMS, _REDUCTIONS, _POOLING_AND_RESIZING, _MOVING, _MAKING, _ELEMENTWISE, _VIEWS)
FREE = frozenset(name for kind in _FREE_KINDS for name in kind.split())
"""Names of operators (without a last underscore) that cost nothing by the rule."""


def formula_of(operator: OpOverload) -> Formula | None:
    """How an operator's multiply-adds are counted; None where it is not one that has any."""
    return MULTIPLYING.get(operator.overloadpacket)


def is_free(operator: OpOverload) -> bool:
    """True for an operator that costs nothing: a view, one element by element, or one of FREE."""
    if operator.is_view or torch.Tag.pointwise in operator.tags:
        return True
    space, _, name = operator.overloadpacket._qualified_op_name.partition('::')
    return space in ('aten', 'prim') and name.rstrip('_') in FREE
