"""Checkpoints: read without running what is inside, written whole or not at all."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

from scalenas.arch.strict import suggest
from scalenas.errors import UserError
from scalenas.space import AbstractSpace, ScaledSpace
from scalenas.staging import staged_file

BROKEN = '{path}: truncated, or not a checkpoint; copy or make it again'


class CheckpointError(UserError):
    """A checkpoint that cannot be used: the message is one line for the user."""


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint on the CPU: a mapping with a `state_dict`.

    Nothing in the file is executed: only tensors, plain values and the training logs that
    mmengine writes are read. A bare state dict comes back as `{'state_dict': ..., 'meta': {}}`.

    Raises:
        CheckpointError: for a file that is missing, truncated, not a checkpoint, or unsafe.
    """
    path = Path(path)
    if path.suffix == '.safetensors':
        raise CheckpointError(
            f'{path}: safetensors are not read here; load its tensors with the package that wrote '
            'them, and write them with torch.save'
        )
    try:
        with torch.serialization.safe_globals(_written_by_mmengine()):
            content = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f'{path}: no such file; expected a checkpoint (.pth)') from None
    except IsADirectoryError:
        raise CheckpointError(f'{path}: is a folder; expected a checkpoint (.pth)') from None
    except pickle.UnpicklingError as error:
        raise CheckpointError(_why_not(path, str(error))) from None
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError):
        # torch raises any of these for a broken archive.
        raise CheckpointError(BROKEN.format(path=path)) from None
    if isinstance(content, Mapping) and isinstance(content.get('state_dict'), Mapping):
        return dict(content)
    if isinstance(content, Mapping) and content and _is_state_dict(content):
        return {'state_dict': content, 'meta': {}}
    raise CheckpointError(
        f"{path}: not a checkpoint: expected a mapping with 'state_dict', or tensors by name"
    )


def save_plain(
    path: str | Path, state_dict: Mapping[str, Tensor], meta: Mapping[str, Any] | None = None
) -> None:
    """Writes tensors and plain values, as a whole or not at all.

    The file needs no class to be read: `torch.load(path, weights_only=True)`.
    """
    path = Path(path)
    for key, value in state_dict.items():
        assert isinstance(value, Tensor), f'{key}: {type(value).__name__} is not a tensor'
    content = {
        'meta': _plain(dict(meta or {}), 'meta'),
        # A slice of a supernet shares storage with it; a clone writes only what is used.
        'state_dict': {key: value.detach().cpu().clone() for key, value in state_dict.items()},
    }
    with staged_file(path) as part:
        torch.save(content, part)


def check_weights(own: Mapping[str, Tensor], found: Mapping[str, Tensor], path: str | Path) -> None:
    """Pass when a model with the state dict `own` takes all of `found`, and nothing stays unset.

    Raises:
        CheckpointError: says how many weights do not fit, and names the first of each kind.
    """
    if wrong := misfits(own, found):
        raise CheckpointError(
            f'{path}: does not fit the model, which has {len(own)} weights: {wrong}; '
            'give the config it was trained with'
        )


def misfits(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str | None:
    """What keeps `found` from filling a model with the state dict `own`, in words; None: nothing.

    Weights are missing, unknown or of another shape.
    """
    missing = [key for key in own if key not in found]
    unknown = [key for key in found if key not in own]
    misshapen = [key for key in own if key in found and own[key].shape != found[key].shape]
    texts = [
        f'{len(keys)} are {kind} (the first is {keys[0]!r})'
        for kind, keys in (('missing', missing), ('unknown', unknown))
        if keys
    ]
    if misshapen:
        key = misshapen[0]
        texts.append(
            f'{len(misshapen)} are of another shape (the first is {key!r}: '
            f'{tuple(found[key].shape)}, the model has {tuple(own[key].shape)})'
        )
    return ', '.join(texts) or None


def check_space(
    checkpoint: Mapping[str, Any],
    space: AbstractSpace[Any],
    path: str | Path,
    to_evaluate: bool = False,
) -> None:
    """Does nothing when the checkpoint was trained in `space`.

    `to_evaluate` networks of the space, it may have been trained in more than these: under only
    the first of its restrictions (`where`), or none, which a supernet's weights do not depend on.
    The resolutions of images may be others: the weights fit any, and BigNAS evaluates such as it
    did not train on (section 4.1). And a scaled space may have been sampled uniformly, in its
    `merged` form, with which ScaleNet compares (table 3).

    Raises:
        CheckpointError: when it names another space, or none; says where they differ.
    """
    written, wanted = written_space(checkpoint, path), space.to_dict()
    if to_evaluate and isinstance(space, ScaledSpace) and written == space.merged().to_dict():
        return
    for key in (*wanted, *(key for key in written if key not in wanted)):
        if key == 'resolution' and to_evaluate:
            continue
        if key == 'where' and to_evaluate and _starts(wanted[key], written.get(key)):
            continue
        if written.get(key) != wanted.get(key):
            place, theirs, ours = _apart(key, written.get(key), wanted.get(key))
            raise CheckpointError(
                f'{path}: was trained in another space: {place} is {theirs!r}, '
                f'the config has {ours!r}; give the config it was trained with'
                f'{"" if key in wanted else suggest(key, wanted)}'
            )


def _starts(restrictions: Any, first: Any) -> bool:
    """True when a list of restrictions begins with those of another."""
    return isinstance(first, list) and restrictions[: len(first)] == first


def _apart(place: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    """Where plain data first differs, as near as can be, and what either has there."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        pairs = [(f'{place}.{key}', one[key], other[key]) for key in one]
    elif all(isinstance(v, list | tuple) and v and isinstance(v[0], Mapping) for v in (one, other)):
        places = enumerate(zip(one, other, strict=False))
        pairs = [(f'{place}[{i}]', ours, theirs) for i, (ours, theirs) in places]
    else:
        return place, one, other
    for part in pairs:
        if part[1] != part[2]:
            return _apart(*part)
    return place, one, other


def written_space(checkpoint: Mapping[str, Any], path: str | Path) -> Mapping[str, Any]:
    """The space that a supernet's checkpoint names, as plain data.

    Raises:
        CheckpointError: when it names none.
    """
    meta = checkpoint.get('meta')
    ours = meta.get('scalenas') if isinstance(meta, Mapping) else None
    written = ours.get('space') if isinstance(ours, Mapping) else None
    if not isinstance(written, Mapping):
        raise CheckpointError(
            f'{path}: names no space, so it is not a supernet of this package; '
            'convert it, or train one with tools/train.py'
        )
    return written


def _written_by_mmengine() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What its training logs and meta hold: numbers in numpy arrays, and the logs' container."""
    core: Any = np._core if hasattr(np, '_core') else np.core
    kinds = (np.float64, np.float32, np.int64, np.int32, np.uint32, np.uint8, np.bool_)
    return [
        HistoryBuffer,
        (_statistic, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        core.multiarray._reconstruct,
        core.multiarray.scalar,
        *{type(np.dtype(kind)) for kind in kinds},
    ]


def _statistic(owner: object, name: str) -> Callable[..., Any]:
    # A HistoryBuffer is written with its own methods, as getattr(HistoryBuffer, 'mean'). The
    # real getattr would let a file reach anything.
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'unsupported GLOBAL builtins.getattr({owner!r}, {name!r})')
    found: Callable[..., Any] = getattr(HistoryBuffer, name)
    return found


def _why_not(path: Path, error: str) -> str:
    found = re.search(r'(?:GLOBAL|class|function) ([\w.]+\.\w+)', error)
    if found:
        return (
            f'{path}: refused: reading it would run {found[1]!r}; only tensors and plain values '
            'are allowed; write its state_dict alone with torch.save'
        )
    return BROKEN.format(path=path)


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    return all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str | Tensor):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item, f'{where}.{key}') for key, item in value.items()}
    assert isinstance(value, list | tuple), f'{where}: {type(value).__name__} is not plain'
    return [_plain(item, f'{where}[{i}]') for i, item in enumerate(value)]
