"""Values of configs that make a run, and that make none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

JUNK: tuple[Any, ...] = (
    *(None, 0, -1, 3, 2.5, math.nan, math.inf, '', 'x', True, False),
    *([], {}, [1], ['x'], {'type': 'X'}, {'x': 1}, (0, 0), 'a' * 300),
)
FALSY: tuple[Any, ...] = (0, '', False, [], (), 0.0)
WRONG: Mapping[str, tuple[Any, ...]] = {
    'train_cfg.max_iters': (0, -1, -150, 'x', True, 1.5, math.nan, math.inf, [1], None),
    'train_cfg.val_interval': (0, -1, 'x', False, None),
    'train_dataloader.batch_size': (0, -1, 'x', 2.5, True, None, [1]),
    'train_dataloader.num_workers': (-1, 'x', 1.5, None),
    'train_dataloader.persistent_workers': ('x', 1, True),
    'train_dataloader.dataset': (3, 'x', None, []),
    'train_dataloader.sampler': (3, 'x', None, []),
    'train_dataloader.sampler.shuffle': ('x', 1, None),
    'default_hooks.checkpoint.interval': (0, -2, True, False, 'x', 1.5, None, math.nan),
    'default_hooks.checkpoint.max_keep_ckpts': (0, -3, True, 'x', None),
    'default_hooks.checkpoint.save_begin': (-1, 'x', None),
    'default_hooks.checkpoint.by_epoch': (0, 1, 'no', None),
    'default_hooks.checkpoint.save_last': (0, 'x', None),
    'default_hooks.checkpoint.filename_tmpl': ('x', 'iter.pth', '{', '{x}', 3),
    'default_hooks.checkpoint.save_best': ('nothing', 'smallest', 'xx/yy', '/', 'loss'),
    'default_hooks.logger.interval': (0, -1, True, 'x', None),
    'resume': ('yes', 1, 0, '', 'auto', []),
    'load_from': (3, '', False, []),
    'find_unused_parameters': ('yes', 1, []),
    'custom_hooks': (3, 'x', {'type': 'EMAHook'}),
    'default_hooks': (3, 'x', []),
    'param_scheduler': (3, 'x'),
    'optim_wrapper': (3, 'x', []),
    'optim_wrapper.accumulative_counts': (0, -1, True, 'x', None),
    'optim_wrapper.optimizer': (3, 'x', []),
    'optim_wrapper.optimizer.lr': (-1, 'x', True, math.nan, math.inf, None, [1]),
    'optim_wrapper.optimizer.weight_decay': (-1, 'x', math.nan, None),
    'optim_wrapper.clip_grad.max_norm': (0, -1, 'x', math.nan, None),
    'env_cfg.cudnn_benchmrk': (True,),
    'env_cfg': (3, 'x', []),
    'log_processor.window_size': (0, -1, 'x', True, None),
    'default_scope': (3, [], True),
    'val_evaluator': (3, 'x', [], {}),
    'val_evaluator.iou_metrics': ('', 'mIuO', [], ['mIoU', 'x'], 3, None),
    'val_evaluator.iou_metric': ('mIoU',),
    'train_dataloader.dataset.indices': (0, True, False, [], 'x', 1.5, [True], ['x']),
    'default_hooks.checkpoint.intervall': (5,),
    'activation_checkpointing': (0, '', False, 3, [3], ['']),
    'model': (3, 'x', []),
}
"""Place -> values that make no run."""
RIGHT: Mapping[str, tuple[Any, ...]] = {
    'train_cfg.max_iters': (1, 7, 150.0, 10**9),
    'train_dataloader.batch_size': (1, 64),
    'default_hooks.checkpoint.interval': (1, -1, 100),
    'default_hooks.checkpoint.max_keep_ckpts': (-1, 1, 3),
    'default_hooks.checkpoint.filename_tmpl': ('{}.pth', 'at_{}_steps.pth', None),
    'default_hooks.checkpoint.save_best': ('auto', None),
    'optim_wrapper.optimizer.lr': (0, 0.0, 1e-9, 5),
    'optim_wrapper.optimizer.weight_decay': (0, 0.0005),
    'train_dataloader.dataset.indices': (1, -5, 10**6, [0, 3], range(2), None),
    'resume': (True, False, None),
    'load_from': (None, 'work_dirs/x/iter_1.pth', 'https://there/x.pth'),
    'custom_hooks': (None, []),
    'find_unused_parameters': (True, False),
    'val_evaluator': (None, [{'type': 'IoUMetric', 'iou_metrics': 'mDice'}]),
    'val_evaluator.iou_metrics': ('mIoU', ['mFscore', 'mIoU']),
    'default_hooks.checkpoint.published_keys': ('state_dict', ['meta', 'state_dict']),
    'activation_checkpointing': (None, [], 'decode_head', ['backbone.stage3.0', 'decode_head']),
}
