"""Checkpoints: read without running what is inside, written whole or not at all."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalenas.errors import CheckpointError, did_you_mean, short
from scalenas.space import AbstractSpace, ScaledSpace
from scalenas.staging import staged_file

from .archive import AGAIN, check_whole
from .pickled import READ, readable, refusal
from .weights import check_state, check_values, check_weights, misfits

__all__ = [
    'CheckpointError',
    'check_meta',
    'check_space',
    'check_state',
    'check_values',
    'check_weights',
    'load_checkpoint',
    'misfits',
    'save_plain',
    'written_space',
]


def load_checkpoint(path: str | Path, known: bool = False) -> dict[str, Any]:
    """The content of a checkpoint on the CPU: a mapping with a `state_dict`.

    Nothing in the file is executed: only tensors, plain values and the training logs that
    mmengine writes are read. A bare state dict comes back as `{'state_dict': ..., 'meta': {}}`.
    Its weights can be trusted as far as the file says: every record has its checksum, every
    weight is an ordinary tensor of finite floats. `known`: somebody compared the file with its
    published checksum, so it need not have any inside.

    Raises:
        CheckpointError: for a file that is missing, damaged, not a checkpoint, or unsafe, and for
            weights that no net can compute with.
    """
    path = Path(path)
    if path.suffix == '.safetensors':
        raise CheckpointError(
            'safetensors are not read here',
            where=path,
            hint='load its tensors with the package that wrote them, and write them with '
            'torch.save',
        )
    if not known:
        check_whole(path)
    content = _read(path, path)
    if isinstance(content, Mapping) and 'state_dict' in content:
        state = content['state_dict']
    elif isinstance(content, Mapping) and any(isinstance(v, Tensor) for v in content.values()):
        state, content = content, {'state_dict': content, 'meta': {}}
    else:
        state = None
    if not isinstance(state, Mapping):
        raise CheckpointError(
            'not a checkpoint',
            where=path,
            allowed="a mapping with 'state_dict', or tensors by name",
        )
    check_state(state, path)
    return dict(content)


def check_made(path: Path, key: str, made_by: str | None) -> None:
    """Pass where the checkpoint that a `key` of the config names is there.

    Raises:
        CheckpointError: says the command that makes it (`made_by`), where the config does.
    """
    if not path.is_file():
        hint = f'make it with: {made_by}' if made_by else 'train it first'
        raise CheckpointError('no such file', where=f'{key}: {path}', hint=hint)


def check_meta(meta: object, where: str) -> None:
    """Pass when a checkpoint that holds `meta` could be read again, by `load_checkpoint`.

    Raises:
        CheckpointError: for what cannot be saved, or would be refused.
    """
    buffer = io.BytesIO()
    try:
        torch.save(meta, buffer)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError) as error:
        text = ' '.join(str(error).split())[:200]
        raise CheckpointError(f'cannot be saved ({text})', where=where, allowed=READ) from None
    buffer.seek(0)
    _read(buffer, where)


def _read(path: Path | io.BytesIO, where: object) -> Any:
    """What torch.save wrote, without running any of it; `where` is named in errors."""
    try:
        with torch.serialization.safe_globals(readable()), warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of pickle protocols: an error follows
            return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise refusal(where, str(error)) from None
    except MemoryError:
        raise CheckpointError('needs more memory than there is', where=where) from None
    except EOFError:
        raise CheckpointError('truncated, or not a checkpoint', where=where, hint=AGAIN) from None
    except BROKEN as error:
        # torch raises any of these for content that is not what it wrote.
        text = ' '.join(str(error).split())[:200]
        problem = f'cannot be read by torch ({type(error).__name__}: {text})'
        if 'unexpected EOF' in text:
            problem = 'truncated, or not a checkpoint'
        if 'allocate memory' in text:
            problem = 'needs more memory than there is'
        raise CheckpointError(problem, where=where, hint=AGAIN) from None


BROKEN = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    struct.error,
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
    `merged` form, with which ScaleNet compares (table 3). Inner widths of HRNet-style spaces change
    no shape of a supernet's weights: any may start from any, but networks are evaluated only at
    widths that were trained.

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
        if key == 'inner_widths' and _fits_inner(written, wanted, to_evaluate):
            continue
        if written.get(key) != wanted.get(key):
            place, theirs, ours = _apart(key, written.get(key), wanted.get(key))
            near = '' if key in wanted else did_you_mean(key, wanted)
            raise CheckpointError(
                'was trained in another space',
                where=f'{path}: {place}',
                got=theirs,
                allowed=f'{short(ours)}, as the config has',
                hint='; '.join(filter(None, ['give the config it was trained with', near])),
            )


def _starts(restrictions: Any, first: Any) -> bool:
    """True when a list of restrictions begins with those of another."""
    return isinstance(first, list) and restrictions[: len(first)] == first


def _fits_inner(written: Mapping[str, Any], wanted: Mapping[str, Any], to_evaluate: bool) -> bool:
    """True where weights trained with these inner widths serve the wanted ones."""
    trained, asked = (table.get('inner_widths', [1.0]) for table in (written, wanted))
    return isinstance(trained, list) and (not to_evaluate or all(w in trained for w in asked))


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
            'names no space, so it is no supernet of this package',
            where=path,
            hint='convert it, or train one with tools/train.py',
        )
    return written


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str | Tensor):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item, f'{where}.{key}') for key, item in value.items()}
    assert isinstance(value, list | tuple), f'{where}: {type(value).__name__} is not plain'
    return [_plain(item, f'{where}[{i}]') for i, item in enumerate(value)]
