"""Writing several files together, and never over something else.

All are written beside their places first, so that an export that fails leaves none. Then they are
moved one by one, each as a whole: a kill just there leaves some of them out, and the same export
once more completes them.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .errors import ExportError

SUFFIXES = ('.py', '.pth', '.yaml', '.json', '_backbone.py', '.onnx')
OTHER = (
    'is already there with other content; choose another --name or --out, or overwrite with --force'
)


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder beside the final files, gone on exit."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix='.export-', dir=out))
    except OSError as error:
        raise ExportError(f'--out {out}: cannot be written: {error.strerror}') from None
    try:
        yield stage
    finally:
        shutil.rmtree(stage)


def check_free(out: Path, name: str, arch: str, origin: Mapping[str, Any], force: bool) -> None:
    """Pass when no files of `name` are in `out`, or those of an export from the same origin.

    To be asked before the work is done; `publish` then compares the content.

    Raises:
        ExportError: when they are of another export, unless `force`.
    """
    there = [path for suffix in SUFFIXES if (path := out / f'{name}{suffix}').exists()]
    if force or not there:
        return
    try:
        card = json.loads((out / f'{name}.json').read_text(encoding='utf-8'))
        same = card['origin'] == plain(origin)
        same = same and (out / f'{name}.yaml').read_text(encoding='utf-8') == arch
    except FileNotFoundError as error:
        same = error.filename == str(out / f'{name}.yaml')  # was killed before it was moved
    except (OSError, ValueError, TypeError, KeyError):
        same = False
    if not same:
        raise ExportError(f'{there[0]} {OTHER}')


def publish(stage: Path, out: Path, force: bool) -> list[Path]:
    """Moves all files of `stage` into `out`; gives back where they are.

    Raises:
        ExportError: when one of them is there with other content, unless `force`.
    """
    files = sorted(path for path in stage.iterdir() if path.is_file())
    for path in files:
        there = out / path.name
        if not force and there.exists() and there.read_bytes() != path.read_bytes():
            raise ExportError(f'{there} {OTHER}')
    for path in files:
        os.replace(path, out / path.name)
    return [out / path.name for path in files]


def checkpoint_bytes(state: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> bytes:
    """A checkpoint of tensors and plain values; equal content gives equal bytes."""
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
    buffer = io.BytesIO()
    torch.save({'meta': plain(meta), 'state_dict': tensors}, buffer)
    return buffer.getvalue()


def plain(value: Any) -> Any:
    """Tables, lists, text and numbers out of whatever mappings, tuples and arrays hold them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON knows neither NaN nor infinity
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, 'tolist'):
        return plain(value.tolist())
    return str(value)
