"""Saving memory changes no training: the same weights and statistics, bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from .conftest import weights

PARTS = '["architecture.backbone.stage2.0","architecture.decode_head"]'
WAYS = {
    'plain': [],
    'with_cp': ['model.architecture.backbone.with_cp=True'],
    'parts': [f'activation_checkpointing={PARTS}'],
}


@pytest.mark.slow
def test_a_training_with_less_memory_is_the_same(tool: Any, config: Any, tmp_path: Path) -> None:
    states = {}
    for way, options in WAYS.items():
        work = tmp_path / way
        options = ['train_cfg.max_iters=3', 'randomness.seed=1', *options]
        path = config(name=f'{way}.py')
        words = [path, '--work-dir', str(work), '--no-validate', '--cfg-options', *options]
        assert tool('train', *words) == 0
        states[way] = weights(work / 'iter_3.pth')['state_dict']
    for way in ('with_cp', 'parts'):
        unequal = [k for k, v in states[way].items() if not torch.equal(v, states['plain'][k])]
        assert unequal == [], way
