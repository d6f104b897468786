"""What a built torch model costs, read off the operators that run: the check on the layer plan.

MACs are those of convolutions, linear layers and matrix products, attention among them, by torch's
own formulas (`torch.utils.flop_counter`, which counts two operations for each). Norms, activations,
pooling and resizing are free, as in published tables. Any other operator is an error: a counter
that passes over what it does not know gives numbers that look right.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from math import prod
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from scalenas.arch import Size
from scalenas.arch.strict import as_channels, as_size
from scalenas.complexity import Cost
from scalenas.errors import EvaluationError
from scalenas.tasks import task_of_model

Formula = Callable[..., int]
"""Arguments of an operator, and its result as `out_val` -> twice its MACs."""


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
    """How an operator's MACs are counted; None where it is not one that has any."""
    return MULTIPLYING.get(operator.overloadpacket)


def is_free(operator: OpOverload) -> bool:
    """True for an operator that costs nothing: a view, one element by element, or one of FREE."""
    if operator.is_view or torch.Tag.pointwise in operator.tags:
        return True
    space, _, name = operator.overloadpacket._qualified_op_name.partition('::')
    return space in ('aten', 'prim') and name.rstrip('_') in FREE


def trace(
    model: nn.Module,
    size: Size,
    in_channels: int = 3,
    skip: Collection[nn.Module] = (),
) -> Cost:
    """Cost of what an image of `size` runs through in `model`, without computing it.

    MACs of convolutions, linear layers and products of matrices, called as modules or as
    functions; parameters that are read, of a slice its part, once each; output values of
    convolutions. Modules inside `skip` run but are not counted.

    Raises:
        EvaluationError: for an operator that nobody knows how to count, a model that looks at
            values, which a run without values does not have, or one that takes no such images.
    """
    size, in_channels = as_size(size, 'size'), as_channels(in_channels, 'in_channels')
    scripted = [name for name, m in model.named_modules() if isinstance(m, torch.jit.ScriptModule)]
    if scripted:
        raise EvaluationError(
            'a scripted module does not show what it computes',
            where=f'cost of {scripted[0] or "the model"}',
            hint='count the module that it was made of',
        )
    weights = {id(p): nn.Parameter(p.to('meta'), p.requires_grad) for p in model.parameters()}
    twins = {id(b): b.to('meta') for b in model.buffers()}
    # A deep copy whose memo already holds all tensors: structure is copied, weights are not.
    memo: dict[int, Any] = {**weights, **twins}
    names = [name for outer in skip for name, module in model.named_modules() if module is outer]
    ghost = copy.deepcopy(model, memo)
    ghost.eval()  # of some backbones it returns None
    meter = _Meter({_storage(p): (p.numel(), name) for name, p in ghost.named_parameters()})
    for name in names:
        module = ghost.get_submodule(name)
        module.register_forward_pre_hook(meter.enter)
        module.register_forward_hook(meter.leave, always_call=True)
    for name, module in ghost.named_modules():
        module.register_forward_pre_hook(meter.named(name))
    kinds = (p.dtype for p in weights.values() if p.is_floating_point())
    image = torch.empty(1, in_channels, *size, device='meta', dtype=next(kinds, torch.float32))
    try:
        with torch.no_grad(), meter:
            if isinstance(ghost, BaseModel):
                task_of_model(ghost).raw_outputs(ghost, image)
            else:
                ghost(image)
    except RuntimeError as error:
        line = ' '.join(str(error).split())[:200]
        if 'meta' not in str(error).lower():
            raise EvaluationError(
                f'cannot be run: {line}',
                where=f'cost of {meter.place()}',
                hint=f'does it take images of {size} in {in_channels} channels?',
            ) from error
        raise EvaluationError(
            f'cannot be run without values: {line}',
            where=f'cost of {meter.place()}',
            hint='give the module in `skip`, or count it by itself',
        ) from None
    return meter.cost()


class _Meter(TorchDispatchMode):
    """Adds up every operator that runs while it is on."""

    def __init__(self, parameters: Mapping[int, tuple[int, str]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.skipping = 0
        self._macs = self._acts = 0
        self._parameters = parameters
        self._read: dict[int, dict[tuple[Any, ...], int]] = {}
        self._module = ''

    def enter(self, *_: Any) -> None:
        self.skipping += 1

    def leave(self, *_: Any) -> None:
        self.skipping -= 1

    def named(self, name: str) -> Any:
        """A hook that remembers which module was called last, for messages."""

        def called(module: nn.Module, _: Any) -> None:
            self._module = f'{name or "the model"} ({type(module).__name__})'

        return called

    def place(self) -> str:
        return self._module or 'the model'

    def cost(self) -> Cost:
        params = 0
        for storage, parts in self._read.items():
            # Parts that overlap, such as a kernel and its centre, are not more than the whole.
            params += min(self._parameters[storage][0], sum(parts.values()))
        return Cost(macs=self._macs, params=params, acts=self._acts)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self.skipping and not func.is_view:
            self._note(args, kwargs)
        result: Any = _normed(*args) if func is aten.native_batch_norm.default else None
        if result is None:
            result = func(*args, **kwargs)
        if self.skipping:
            return result
        formula = formula_of(func)
        if formula is not None:
            self._macs += formula(*args, **kwargs, out_val=result) // 2
            if func.overloadpacket in CONVOLUTIONS:
                self._acts += result.numel()
        elif not is_free(func):
            name = func.overloadpacket._qualified_op_name
            raise EvaluationError(
                'is an operator that cannot be counted',
                where=f'cost of {self.place()}',
                got=name,
                allowed='convolutions, linear layers, products of matrices, attention, and what '
                'is free next to them',
                hint='give the module in `skip`, or its formula to '
                '`scalenas.evaluation.trace.MULTIPLYING`',
            )
        return result

    def _note(self, args: Any, kwargs: Any) -> None:
        """The parameters that an operator reads, of a view only its part."""
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, Tensor) and _storage(value) in self._parameters:
                part = (value.storage_offset(), tuple(sorted(value.shape)))
                self._read.setdefault(_storage(value), {})[part] = value.numel()


def _normed(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, *rest: Any
) -> tuple[Tensor, Tensor, Tensor] | None:
    """What a batch norm with statistics of its own gives, without values; None for another.

    torch works its shape out in Python, operator by operator, and a trace took twice as long.
    """
    mean, var, training = rest[:3]
    channels = x.shape[1:2]
    kept = (weight, bias, mean, var)
    if training or any(part is None or part.shape != channels for part in kept):
        return None
    return torch.empty_like(x), x.new_empty(0), x.new_empty(0)


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
