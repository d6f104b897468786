"""Whether weights can be trusted, and whether they fit a model: asked of all that are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from scalenas.errors import CheckpointError

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
"""What weights may be stored as; they are converted to what the model has."""

LEARNED = ('weight', 'bias', 'running_mean', 'running_var')
"""Last names of entries that are floats in every layer."""

OTHER_NET = 'give the config it was trained with'


def check_state(state: Mapping[Any, Any], path: str | Path) -> None:
    """Pass when every entry is an ordinary tensor of numbers that a net can compute with.

    Integers besides the weights, as counters are, stay what they are. A buffer of zeros and -inf is
    a mask; everything else is finite, and no variance is negative. What a module keeps as
    `_extra_state` is not looked at.

    Raises:
        CheckpointError: names the first entry that is something else, and says how many are.
    """
    if not state:
        raise CheckpointError('holds no weights: its state_dict is empty', where=path)
    wrong = {str(key): text for key, value in state.items() if (text := _unfit(key, value))}
    if not wrong:
        return
    first, text = next(iter(wrong.items()))
    count = f'{len(wrong)} of {len(state)} entries of its state_dict are'
    raise CheckpointError(
        f'{count} no weights to trust; the first is {first!r}: {text}',
        where=path,
        allowed='finite numbers in float32, float16, bfloat16 or float64',
        hint='take another checkpoint of the run, or make it again',
    )


def check_weights(own: Mapping[str, Tensor], given: Mapping[str, Any], path: str | Path) -> None:
    """Pass when a model with the state dict `own` takes all of `given`, and nothing stays unset.

    Raises:
        CheckpointError: says how many weights do not fit or are not to be trusted, and names the
            first of each kind.
    """
    if wrong := misfits(own, given):
        raise CheckpointError(
            f'does not fit the model, which has {len(own)} weights: {wrong}',
            where=path,
            hint=OTHER_NET,
        )
    check_values(own, given, path)


def check_values(own: Mapping[str, Tensor], given: Mapping[str, Any], path: str | Path) -> None:
    """Pass when what fits `own` of `given` can be trusted; says it where precision changes.

    Raises:
        CheckpointError: as `check_state`; also for floats where the model has integers, or the
            other way round, and for values that are infinite in the model's own type.
    """
    fitting = {
        key: value
        for key, value in given.items()
        if key in own and _shape(value) == _shape(own[key]) and isinstance(own[key], Tensor)
    }
    if not fitting:
        return
    check_state(fitting, path)
    for key, value in fitting.items():
        if _kind(value) != _kind(own[key]):
            raise CheckpointError(
                f'{key!r} is {_name(value.dtype)}, the model has {_name(own[key].dtype)} there',
                where=path,
                hint='take the checkpoint that it was made from',
            )
        # Where nothing is converted, only a mask may be infinite by now.
        same = value.dtype == own[key].dtype and key.split('.')[-1] in LEARNED
        if not same and not _same_finite(value, own[key]):
            raise CheckpointError(f'{key!r} is not finite in {_name(own[key].dtype)}', where=path)
    converted = Counter(
        (_name(value.dtype), _name(own[key].dtype))
        for key, value in fitting.items()
        if _kind(value) == 'float' and value.dtype != own[key].dtype
    )
    for (theirs, ours), count in converted.items():
        print_log(f'{path}: {count} weights are {theirs}, converted to {ours}', 'current', 30)


def misfits(own: Mapping[str, Tensor], given: Mapping[str, Any]) -> str | None:
    """What keeps `given` from filling a model with the state dict `own`, in words; None: nothing.

    Weights are missing, unknown, of another shape, or integers instead of floats.
    """
    missing = [key for key in own if key not in given]
    unknown = [key for key in given if key not in own]
    both = [key for key in own if key in given and isinstance(own[key], Tensor)]
    misshapen = [key for key in both if _shape(own[key]) != _shape(given[key])]
    unlike = [key for key in both if key not in misshapen and _kind(own[key]) != _kind(given[key])]
    texts = [
        f'{len(keys)} are {kind} (the first is {keys[0]!r})'
        for kind, keys in (('missing', missing), ('unknown', unknown))
        if keys
    ]
    for kind, keys, shown_as in (('shape', misshapen, _shape), ('type', unlike, _type)):
        if keys:
            key = keys[0]
            texts.append(
                f'{len(keys)} are of another {kind} (the first is {key!r}: {shown_as(given[key])}, '
                f'the model has {shown_as(own[key])})'
            )
    return ', '.join(texts) or None


def first_broken(state: Mapping[str, Any]) -> str | None:
    """Name of the first tensor whose numbers `check_state` would not take."""
    for name, value in state.items():
        if isinstance(value, Tensor) and not _storage(value) and _values(name, value.detach()):
            return name
    return None


def _unfit(key: object, value: object) -> str:
    """Why an entry of a state dict cannot be one; '' for nothing."""
    if not isinstance(key, str):
        return f'its name is a {type(key).__name__}'
    last = key.split('.')[-1]
    if last == '_extra_state':
        return ''
    if not isinstance(value, Tensor):
        return f'a {type(value).__name__}, no tensor'
    if text := _storage(value):
        return text
    floats = value.is_floating_point()
    if (floats or last in LEARNED) and value.dtype not in FLOATS:
        return f'of type {_name(value.dtype)}'
    return _values(key, value)


def _storage(value: Tensor) -> str:
    """What keeps a tensor from being read as rows of numbers; '' for nothing."""
    if value.is_meta:
        return 'without values (on the meta device)'
    if value.is_quantized:
        return 'quantized'
    if value.is_nested or value.layout != torch.strided:
        return 'nested' if value.is_nested else str(value.layout).removeprefix('torch.')
    if type(value) not in (Tensor, nn.Parameter):
        return f'a {type(value).__name__}'
    return ''


def _values(key: str, value: Tensor) -> str:
    """What is wrong with the numbers of an entry; '' for nothing."""
    if not value.numel() or not (value.is_floating_point() or value.is_complex()):
        return ''
    value = value.detach()
    numbers = torch.view_as_real(value.resolve_conj()) if value.is_complex() else value
    least, most = numbers.aminmax()
    if not bool(torch.isfinite(least) & torch.isfinite(most)):
        if key.split('.')[-1] not in LEARNED and _is_mask(numbers):
            return ''
        nans, infinite = int(numbers.isnan().sum()), int(numbers.isinf().sum())
        return f'{nans} values are NaN, {infinite} infinite'
    if key.split('.')[-1] == 'running_var' and float(least) < 0:
        return f'a variance is negative ({float(least):.3g})'
    return ''


def _is_mask(value: Tensor) -> bool:
    """True for zeros and -inf, which are added to what is not to be seen."""
    return bool(((value == 0) | (value == -torch.inf)).all())


def _same_finite(value: Tensor, own: Tensor) -> bool:
    """True when `value` is finite in the type of `own`, but where `own` is not either."""
    if _kind(value) not in ('float', 'complex') or not value.numel():
        return True
    broken = ~torch.isfinite(value.to(own.dtype))
    if own.is_meta or not bool(broken.any()):
        return not bool(broken.any())
    return torch.equal(broken, ~torch.isfinite(own).to(broken.device))


def _kind(value: object) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.is_floating_point():
        return 'float'
    if value.is_complex():
        return 'complex'
    return 'bool' if value.dtype == torch.bool else 'integer'


def _shape(value: object) -> tuple[int, ...] | str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    return 'nested' if value.is_nested else tuple(value.shape)


def _type(value: object) -> str:
    return _name(value.dtype) if isinstance(value, Tensor) else type(value).__name__


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
