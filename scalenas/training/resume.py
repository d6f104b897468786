"""Which checkpoint a run loads, and whether it can: asked before anything is built."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import find_latest_checkpoint
from torch import Tensor

from scalenas.errors import CheckpointError
from scalenas.models.checkpoint import check_state, load_checkpoint
from scalenas.models.weights import first_broken

PARTS: Mapping[str, Mapping[str, type]] = {
    'optimizer': {'state': Mapping, 'param_groups': list},
    'message_hub': {'log_scalars': Mapping, 'runtime_info': Mapping, 'resumed_keys': Mapping},
}
"""What a resumed run reads besides weights and meta, and of what kind it is."""
FROM_WEIGHTS = 'to start from its weights set load_from in the config'


def resumable_checkpoint(cfg: Config) -> str | None:
    """Path of the checkpoint that a Runner of this config loads or resumes; None: it loads none.

    A local file was read; remote ones are left to mmengine. A run that resumes is told which.

    Raises:
        CheckpointError: when it cannot be read, or resumed from where the config says so.
    """
    path: str | None = cfg.get('load_from')
    resume = cfg.get('resume', False)
    if resume and path is None:
        # By name: mmengine would ask the file `last_checkpoint` again, which may be cut off.
        path = cfg.load_from = _latest(cfg.work_dir)
    if path is None or '://' in path:
        return path
    # mmengine would run what a pickle asks it to; this refuses such a file before.
    checkpoint = load_checkpoint(path)
    if resume:
        check_training(checkpoint, path)
    return path


def check_training(checkpoint: Mapping[str, Any], path: str) -> None:
    """Pass when a training run wrote the checkpoint, so that another can go on from it.

    Raises:
        CheckpointError: names what is missing.
    """
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    missing = [f'meta.{name}' for name in ('epoch', 'iter') if not _is_count(meta.get(name))]
    for name, keys in PARTS.items():
        part = checkpoint.get(name)
        if not isinstance(part, Mapping) or not part:
            missing.append(name)
        elif name == 'message_hub' or 'param_groups' in part:  # else of several optimizers
            wrong = [key for key, kind in keys.items() if not isinstance(part.get(key), kind)]
            missing += [f'{name}.{key}' for key in wrong]
    if missing:
        raise CheckpointError(
            f'cannot be resumed: no training run wrote it, it lacks {", ".join(missing)}',
            where=path,
            hint=FROM_WEIGHTS,
        )
    if 'config' in meta:
        raise CheckpointError(
            'cannot be resumed: mmengine would run this config',
            where=f'{path}: meta.config',
            hint=FROM_WEIGHTS,
        )
    _check_numbers(checkpoint, path)


def _check_numbers(checkpoint: Mapping[str, Any], path: str) -> None:
    """Pass when what an optimizer keeps, and the live weights next to averaged ones, are finite."""
    if isinstance(live := checkpoint.get('ema_state_dict'), Mapping):
        check_state(live, f'{path}: ema_state_dict')
    tensors = dict(_tensors(checkpoint['optimizer'], 'optimizer'))
    if broken := first_broken(tensors):
        raise CheckpointError(
            f'cannot be resumed: {broken} is not finite',
            where=path,
            hint=f'resume from an earlier one; {FROM_WEIGHTS}',
        )


def _tensors(value: Any, place: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _tensors(item, f'{place}.{key}')


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _latest(work_dir: str) -> str | None:
    path = find_latest_checkpoint(work_dir)
    if path == '':
        path = _newest(work_dir)
        if path:
            print_log(f'last_checkpoint is empty, a kill cut it off: going on from {path}')
    if path is not None and not Path(path).is_file():
        raise CheckpointError(
            'names a checkpoint that does not exist',
            where=Path(work_dir) / 'last_checkpoint',
            got=path,
            hint='give one with --resume PATH, or remove this file to train from the start',
        )
    result: str | None = path
    return result


def _newest(work_dir: str) -> str:
    """The checkpoint of the most steps that is whole, of those written by interval; '' of none."""
    numbered = {
        int(match[1]): path
        for path in Path(work_dir).glob('*.pth')
        if (match := re.fullmatch(r'(?:iter|epoch)_(\d+)\.pth', path.name))
    }
    for _, path in sorted(numbered.items(), reverse=True):
        with contextlib.suppress(CheckpointError):
            check_training(load_checkpoint(path), str(path))
            return str(path)
    return ''
