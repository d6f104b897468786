"""Which checkpoint a run loads, and whether it can: asked before anything is built."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import find_latest_checkpoint

from scalenas.models.checkpoint import CheckpointError, load_checkpoint


def usable_checkpoint(cfg: Config) -> str | None:
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
    missing = [f'meta.{name}' for name in ('epoch', 'iter') if not isinstance(meta.get(name), int)]
    missing += [name for name in ('optimizer', 'message_hub') if name not in checkpoint]
    if missing:
        raise CheckpointError(
            f'{path}: cannot be resumed, no training run wrote it ({", ".join(missing)} missing); '
            'to start from its weights set load_from in the config'
        )
    if 'config' in meta:
        raise CheckpointError(
            f'{path}: cannot be resumed: meta.config is a config that mmengine would run; '
            'to start from its weights set load_from in the config'
        )


def _latest(work_dir: str) -> str | None:
    path = find_latest_checkpoint(work_dir)
    if path == '':
        path = _newest(work_dir)
        if path:
            print_log(f'last_checkpoint is empty, a kill cut it off: going on from {path}')
    if path is not None and not Path(path).is_file():
        raise CheckpointError(
            f'{Path(work_dir) / "last_checkpoint"}: names {path!r}, which does not exist; give a '
            'checkpoint with --resume PATH, or remove this file to train from the start'
        )
    return path


def _newest(work_dir: str) -> str:
    """The checkpoint of the most steps that is whole, of those written by interval; '' of none."""
    numbered = {
        int(found[1]): path
        for path in Path(work_dir).glob('*.pth')
        if (found := re.fullmatch(r'(?:iter|epoch)_(\d+)\.pth', path.name))
    }
    for _, path in sorted(numbered.items(), reverse=True):
        with contextlib.suppress(CheckpointError):
            check_training(load_checkpoint(path), str(path))
            return str(path)
    return ''
