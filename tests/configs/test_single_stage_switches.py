"""Every rule of BigNAS is one line of a config, and no line moves another rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.config import read_config
from scalenas.registry import MODELS

REPO = Path(__file__).parents[2]
DIGITS = 'configs/scalenas_cls/digits/supernet_bignas_1xb64-600_digits-28x28.py'
IMAGENET = 'configs/scalenas_cls/imagenet/supernet_bignas_64xb64-120k_imagenet.py'
LAND = 'configs/scalenas_seg/earth/supernet_w16-sandwich_1xb16-1k_earth-96x96.py'
BACKBONE = 'model.architecture.backbone'
UNIFORM = {'_delete_': True, 'type': 'uniform'}

# Rule -> the line without it, as docs/bignas.md has it, and the rules that it moves beside its own.
LINES: dict[str, tuple[dict[str, Any], set[str]]] = {
    'distillation': ({'model.distillation': None}, {'labels'}),
    'labels': ({'model.distillation.labels': 'all'}, set()),
    'dropout': ({'model.dropout': 'all'}, set()),
    'decay': ({'model.child_decay': 1e-5}, set()),
    'statistics': ({'model.track_norms': True}, set()),
    'zero-gamma': ({f'{BACKBONE}.zero_init_residual': False}, set()),
    'constant ending': ({'param_scheduler.1.floor': 0.0}, set()),
    # The one rule that others need.
    'sandwich': (
        {'model.sampler': UNIFORM, 'model.distillation': None, 'model.dropout': 'all'},
        {'distillation', 'labels', 'dropout'},
    ),
}
MBCONV: dict[str, tuple[dict[str, Any], set[str]]] = {
    'skips': ({f'{BACKBONE}.space.shortcut': 'identity'}, set()),
    'resolutions': ({f'{BACKBONE}.space.resolution': [28]}, set()),
}


def rules_of(cfg: Config) -> dict[str, bool]:
    """Rule -> whether what is built keeps it."""
    with torch.device('meta'), DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    decay = PARAM_SCHEDULERS.build({**cfg.param_scheduler[1], 'optimizer': optimizer})
    kd, space = model.distillation, model.backbone.space
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    first = model.sampler.archs(7)[:2]
    return {
        'sandwich': first == (space.largest(), space.smallest())
        and len(model.sampler.archs(7)) == 4,
        'distillation': kd is not None and (kd.teacher, kd.loss) == ('inplace', 'kl'),
        'labels': kd is not None and kd.labels == 'largest',
        'dropout': model.dropout == 'largest',
        'decay': model.child_decay == 0,
        'statistics': not any(norm.momentum for norm in norms),
        'zero-gamma': model.backbone.zero_init_residual,
        'constant ending': decay.factor(10**6) == 0.05,
        'skips': any('.shortcut.' in name for name, _ in model.named_modules()),
        'resolutions': len(getattr(space, 'resolution', ())) > 1,
    }


@pytest.mark.parametrize(
    ('config', 'rule'),
    [
        *((config, rule) for config in (DIGITS, LAND) for rule in LINES),
        *((DIGITS, rule) for rule in MBCONV),
    ],
)
def test_a_rule_is_one_line(config: str, rule: str) -> None:
    line, others = {**LINES, **MBCONV}[rule]
    shipped = rules_of(read_config(str(REPO / config)))
    assert shipped[rule]
    changed = rules_of(read_config(str(REPO / config), line))
    assert {name for name in shipped if shipped[name] is not changed[name]} == {rule, *others}


def test_the_recipe_keeps_all_rules() -> None:
    assert all(rules_of(read_config(str(REPO / IMAGENET))).values())
