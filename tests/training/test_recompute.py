"""`activation_checkpointing`: exact where it can be, refused where weights would learn nothing."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import turn_on_activation_checkpointing

from scalenas.errors import ConfigError
from scalenas.training.recompute import RecomputeHook, check_recomputed, recomputed_names

from .conftest import SEGMENTOR, batch

PARTS = [
    'architecture.decode_head',
    'architecture.backbone.stage3.0',
    'architecture.backbone.layer1',
]


def step(model: Any, names: list[str], **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """State and gradients after a step of a Runner that turned checkpointing on."""
    if names:
        turn_on_activation_checkpointing(model, names)
        RecomputeHook(names).before_train(SimpleNamespace(model=model))
    torch.manual_seed(3)
    data = model.data_preprocessor(batch(size=64), True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    grads = {name: p.grad for name, p in model.named_parameters()}
    return model.state_dict(), grads


@pytest.mark.parametrize('kind', ['plain', 'distilled'])
def test_parts_learn_as_without_it(supernet: Any, bignas: Any, kind: str) -> None:
    segmentor = copy.deepcopy(SEGMENTOR)
    segmentor['decode_head']['dropout_ratio'] = 0.3  # at rest in all but the largest: BigNAS
    build = bignas if kind == 'distilled' else supernet
    models = [build(architecture=segmentor).train() for _ in range(2)]
    (state, grads), (state_cp, grads_cp) = step(models[0], []), step(models[1], PARTS)
    assert [k for k in state if not torch.equal(state[k], state_cp[k])] == []
    assert [k for k, g in grads.items() if (g is None) != (grads_cp[k] is None)] == []
    unequal = [k for k, g in grads.items() if g is not None and not torch.equal(g, grads_cp[k])]
    assert unequal == []
    assert grads_cp['architecture.backbone.conv1.weight'].abs().max() > 0


@pytest.mark.parametrize(
    'name',
    ['architecture', 'architecture.backbone', 'architecture.backbone.conv1'],
)
def test_what_contains_the_stem_is_refused(supernet: Any, name: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_recomputed(Config({'activation_checkpointing': name}), supernet(init=False))
    assert error.value.where == 'activation_checkpointing'
    assert error.value.got == name
    assert 'with_cp=True' in error.value.hint


@pytest.mark.parametrize(
    ('names', 'got'),
    [
        ('architecture.backbone.stage3', 'architecture.backbone.stage3'),  # a list: never runs
        ('backbone', 'backbone'),
        (['architecture.decode_haed'], 'architecture.decode_haed'),
        ('architecture.decode_head.num_classes', 'architecture.decode_head.num_classes'),
        ('', ''),
        (['architecture.backbone.layer1'] * 2, 'architecture.backbone.layer1'),
        ([*PARTS, 'architecture.backbone.layer1.0'], 'architecture.backbone.layer1.0'),
        (3, 3),
        ([3], [3]),
        ({'a': 1}, {'a': 1}),
    ],
)
def test_what_is_no_part_is_refused(supernet: Any, names: Any, got: Any) -> None:
    with pytest.raises(ConfigError) as error:
        check_recomputed(Config({'activation_checkpointing': names}), supernet(init=False))
    assert error.value.where == 'activation_checkpointing'
    assert error.value.got == got


def test_what_can_be_run_again_passes(supernet: Any) -> None:
    model = supernet(init=False)
    check_recomputed(Config({'activation_checkpointing': PARTS}), model)
    check_recomputed(Config({}), model)
    assert recomputed_names(Config({'activation_checkpointing': None})) == []


def test_a_model_of_another_package_is_told_apart() -> None:
    from mmseg.registry import MODELS

    options = copy.deepcopy(SEGMENTOR)
    options['backbone'] = {'type': 'ResNetV1c', 'depth': 18, 'base_channels': 8}
    options['decode_head'] |= {'in_channels': [8, 16, 32, 64]}
    model = MODELS.build(options)
    check_recomputed(Config({'activation_checkpointing': 'backbone.layer2'}), model)
    for name in ('backbone', 'backbone.stem', 'backbone.stem.0'):
        with pytest.raises(ConfigError):
            check_recomputed(Config({'activation_checkpointing': name}), model)
