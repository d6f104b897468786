"""Checkpoints that a kill at any moment cannot take away, and whether a run writes any in time.

mmengine removes the oldest checkpoint first and then writes the new one over its final name, so
with `max_keep_ckpts=1` a run that is killed while it writes has lost everything. Here a file is
written beside its place and moved there as a whole, and the oldest goes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from scalenas.config.monitors import schedulers
from scalenas.errors import TrainingError
from scalenas.paths import writable_folder
from scalenas.registry import HOOKS
from scalenas.staging import remove_leftovers, write_whole


@register_backend('scalenas.whole')
class WholeFiles(LocalBackend):
    """mmengine's local backend, whose files are there as a whole or not at all.

    Raises:
        TrainingError: when a file cannot be written, as on a full disk.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Writes beside `filepath`, then moves there."""
        path = Path(filepath)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, obj)
        except OSError as error:
            raise TrainingError(
                f'cannot be written: {error.strerror}',
                where=path,
                hint='what was saved before stays; make room, then resume',
            ) from error


class _Later:
    """A file backend that only notes what it is asked to remove."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.removed: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.removed.append(path)

    rmtree = remove


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's hook with the same options; at any moment one good checkpoint is there.

    `last_checkpoint` always names a whole one. A checkpoint is removed when its successor is in
    its place, so for a moment there is one more than `max_keep_ckpts`. Elsewhere than in local
    folders it is mmengine's own.
    """

    file_backend: Any

    def before_train(self, runner: Runner) -> None:
        """Takes over, and clears away what a killed run left half written."""
        super().before_train(runner)
        local = isinstance(self.file_backend, LocalBackend)
        self._whole = local and self.file_client_args is None
        if self._whole:
            self.backend_args = {'backend': 'scalenas.whole'}
            self.file_backend = get_file_backend(self.out_dir, backend_args=self.backend_args)
            writable_folder(self.out_dir)
            if is_main_process():
                for folder in {Path(self.out_dir), Path(runner.work_dir)}:
                    remove_leftovers(folder)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        if not self._whole:
            super()._save_checkpoint_with_step(runner, step, meta)
            return
        outdated = self._outdated(runner, step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            record = Path(runner.work_dir) / 'last_checkpoint'
            self.file_backend.put(str(self.last_ckpt).encode(), record)
            for path in outdated:
                _remove(self.file_backend, path)

    def _outdated(self, runner: Runner, step: int) -> list[str]:
        """What `max_keep_ckpts` leaves no place for; notes the new one in the run's state."""
        if self.max_keep_ckpts <= 0:
            return []
        # Known already: saved twice at the end of a run, or noted by an earlier run of this process
        # in the same second, whose message hub mmengine gives to this one.
        kept = [*(known for known in self.keep_ckpt_ids if known != step), step]
        gone, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
        self.keep_ckpt_ids.clear()
        self.keep_ckpt_ids.extend(kept)
        runner.message_hub.update_info('keep_ckpt_ids', kept)
        join = self.file_backend.join_path
        return [join(self.out_dir, self.filename_tmpl.format(old)) for old in gone]

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        if not self._whole:
            super()._save_best_checkpoint(runner, metrics)
            return
        backend = self.file_backend
        later = _Later(backend)
        self.file_backend = later
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        if is_main_process():
            best = {self.__dict__.get('best_ckpt_path')}
            best |= set(self.__dict__.get('best_ckpt_path_dict', {}).values())
            for path in later.removed:
                if path not in best:
                    _remove(backend, path)


def _remove(backend: Any, path: str) -> None:
    if backend.isfile(path):
        backend.remove(path)
    elif backend.isdir(path):  # those of deepspeed
        backend.rmtree(path)


def save_whole(cfg: Config) -> None:
    """Makes mmengine's own checkpoint hook in a config the one above."""
    hooks = {**(cfg.get('default_hooks') or {})}
    hook = hooks.get('checkpoint', {'type': 'CheckpointHook'})
    stock = ('CheckpointHook', 'mmengine.CheckpointHook', CheckpointHook)
    if isinstance(hook, Mapping) and hook.get('type') in stock:
        hooks['checkpoint'] = {**hook, 'type': 'scalenas.WholeCheckpointHook'}
        cfg.default_hooks = hooks


def doubts(cfg: Mapping[str, Any]) -> list[str]:
    """What a training would miss by its schedule: a line for each; the values are known good."""
    loop, problems = cfg['train_cfg'], []
    epochs = by_epoch(loop)
    end = loop.get('max_epochs' if epochs else 'max_iters')
    hook = (cfg.get('default_hooks') or {}).get('checkpoint')
    hook = {} if hook is None else hook
    if isinstance(hook, Mapping) and isinstance(end, int | float):
        problems += _unsaved(hook, epochs, int(end))
    for place, part in schedulers(cfg):
        plateau = 'ReduceOnPlateau' in str(part.get('type'))
        if plateau and not part.get('by_epoch', True):
            problems.append(
                f'{place}: with by_epoch=False mmengine shows it no metric, so it reduces nothing; '
                'set by_epoch=True: then it looks after each validation'
            )
        never = not plateau and part.get('by_epoch', True) and not part.get('convert_to_iter_based')
        if never and not epochs:
            problems.append(
                f'{place}: counts epochs, but train_cfg counts iterations, so it never steps; '
                'set by_epoch=False, with begin and end in iterations'
            )
    return problems


def _unsaved(hook: Mapping[str, Any], epochs: bool, end: int) -> list[str]:
    where = 'default_hooks.checkpoint'
    last = hook.get('save_last', True)
    left = 'but at its end' if last else 'at all'
    if hook.get('by_epoch', True) and not epochs:
        return [
            f'{where}: counts epochs, but train_cfg counts iterations: no checkpoint is written '
            f'{left}; set by_epoch=False'
        ]
    if epochs and not hook.get('by_epoch', True):
        return []  # how many iterations an epoch has is not known yet
    interval = hook.get('interval', -1)
    first = hook.get('save_begin', 0) or interval
    if interval > 0 and first < end:
        return []
    unit = 'epochs' if epochs else 'iterations'
    if not last and interval > 0 and first == end:
        return [f'{where}: the only checkpoint is written after the last of {end} {unit}']
    return [
        f'{where}: interval={interval}: no checkpoint is written in {end} {unit} {left}, and a run '
        f'that is stopped before loses all; set an interval below {end}'
    ]


def by_epoch(loop: Mapping[str, Any]) -> bool:
    """Whether a train_cfg counts epochs, by mmengine's rule."""
    if 'type' in loop:
        return 'Epoch' in str(loop['type'])
    return bool(loop.get('by_epoch', 'max_iters' not in loop))
