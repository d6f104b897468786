"""Costs of whole detectors: the plan, the installed mmdet, and the counter that mmdet once had."""

from __future__ import annotations

import random
import re
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from scalenas.arch import RCNNHead, layers, named, parse_head
from scalenas.complexity import Counter, count_operations, layer_cost
from scalenas.errors import EvaluationError
from scalenas.evaluation import trace
from scalenas.registry import MODELS
from scalenas.space import HRSpace
from scalenas.tasks import task_of_model
from tests.configs.shrink import shrink_detector
from tests.errors import contains, raises

from .world import SPACE

CONFIGS = Path(__file__).parents[2] / 'configs/scalenas_det/coco'
SIZE = (800, 1280)
KINDS = ('faster_rcnn', 'mask_rcnn')


def raw_outputs(model: Any, image: torch.Tensor) -> Any:
    return task_of_model(model).raw_outputs(model, image)


def detector(
    kind: str,
    backbone: dict[str, Any] | None = None,
    small: bool = False,
    device: str = 'meta',
    **changes: Any,
) -> Any:
    """mmdet's detector of a shipped config, around S2 or `backbone`."""
    cfg = Config.fromfile(CONFIGS / f'{kind}_scalenas_s2_8xb2-1x_coco.py')
    if backbone is not None:
        cfg.model.backbone = backbone
    if small:
        shrink_detector(cfg.model)
    cfg.merge_from_dict({f'model.{key}': value for key, value in changes.items()})
    with torch.device(device), DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(cfg.model)


def mmdet_hrnet_w32() -> dict[str, Any]:
    """mmdet's own HRNet-W32."""
    stages = {
        f'stage{s}': {
            'num_modules': modules,
            'num_branches': s,
            'block': 'BOTTLENECK' if s == 1 else 'BASIC',
            'num_blocks': (4,) * s,
            'num_channels': (64,) if s == 1 else tuple(32 * 2**i for i in range(s)),
        }
        for s, modules in ((1, 1), (2, 1), (3, 4), (4, 3))
    }
    return {'type': 'HRNet', 'extra': stages}


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', ['hrnet_w32', 'scalenas_s2'])
def test_the_models_of_table_5_cost_what_the_plan_says(kind: str, name: str) -> None:
    backbone = mmdet_hrnet_w32() if name == 'hrnet_w32' else None
    model = detector(kind, backbone)
    cost = Counter(SIZE, parse_head(f'{kind}:80'))(named(name))
    assert trace(model, SIZE) == cost
    assert cost['params'] == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize('kind', KINDS)
def test_every_layer_of_the_plan_is_one_of_mmdet(kind: str) -> None:
    """Name by name: shapes of weights and outputs, and how often a layer runs."""
    model, head = detector(kind), parse_head(f'{kind}:80')
    assert head is not None
    ran: dict[str, list[tuple[int, ...]]] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            module.register_forward_hook(
                lambda _m, _i, out, name=name: ran.setdefault(name, []).append(tuple(out.shape))
            )
    raw_outputs(model.eval(), torch.empty(1, 3, *SIZE, device='meta'))
    arch = named('scalenas_s2')
    planned: dict[str, list[tuple[int, ...]]] = {}
    for layer in head.layers(arch.features(SIZE)):
        place = () if layer.op == 'linear' else layer.size_out
        planned.setdefault(layer.name, []).append((layer.times, layer.c_out, *place))
        weight = model.get_submodule(layer.name).weight
        macs = weight.numel() * prod(layer.size if layer.op == 'deconv' else layer.size_out)
        assert layer_cost(layer)['macs'] == macs * layer.times
    assert planned == {k: v for k, v in ran.items() if not k.startswith('backbone.')}
    backbone = {f'backbone.{layer.name}' for layer in layers(arch, SIZE)}
    assert backbone == {name for name in ran if name.startswith('backbone.')}


def test_random_archs_other_sizes_and_classes() -> None:
    rng = random.Random(0)
    head = RCNNHead(3, mask=True, channels=16, num_proposals=50, num_masks=7, hidden=32)
    for arch in [SPACE.smallest(), SPACE.largest(), *(SPACE.sample(rng) for _ in range(4))]:
        size = rng.choice([(64, 64), (96, 160), (352, 32)])
        backbone = {'type': 'scalenas.ScaleHRNet', 'arch': arch.to_dict()}
        changes = {
            'neck.in_channels': list(arch.out_channels),
            'roi_head.bbox_head.num_classes': 3,
            'roi_head.mask_head.num_classes': 3,
            'test_cfg.rpn.max_per_img': 50,
            'test_cfg.rcnn.max_per_img': 7,
        }
        # HRFPN pools 16 pixels into one: below 64 pixels a side its last level is empty.
        if min(size) < 64:
            with raises(EvaluationError, problem=contains('too small')):
                trace(detector('mask_rcnn', backbone, small=True, **changes), size)
            continue
        found = trace(detector('mask_rcnn', backbone, small=True, **changes), size)
        assert found == Counter(size, head)(arch)


@pytest.mark.parametrize('config', sorted(p.name for p in CONFIGS.glob('*rcnn_*1x_coco.py')))
def test_a_config_says_what_its_detector_costs(config: str) -> None:
    """The numbers in the head of the file are those of the model that it builds."""
    text, cfg = (CONFIGS / config).read_text(), Config.fromfile(CONFIGS / config)
    with torch.device('meta'), DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    if cfg.model.type == 'scalenas.SuperNet':
        archs = [HRSpace(width=32).largest()]
        if config.startswith('supernet'):
            archs.insert(0, HRSpace(width=32).smallest())
    else:
        archs = [model.backbone.arch]
        assert trace(model, SIZE)['params'] == sum(p.numel() for p in model.parameters())
    head = parse_head('mask_rcnn:80' if 'mask_rcnn' in config else 'faster_rcnn:80')
    assert head is not None
    costs = [Counter(SIZE, head)(arch) for arch in archs]
    params = re.search(r'((?:[\d.]+ to )?[\d.]+) M parameters', text)
    macs = re.search(r'((?:[\d.]+ to )?[\d.]+) G multiply-adds', text)
    assert params is not None
    assert macs is not None
    assert params[1] == ' to '.join(f'{cost["params"] / 1e6:.1f}' for cost in costs)
    assert macs[1] == ' to '.join(f'{cost.gmacs():.1f}' for cost in costs)
    for printed in re.findall(r'([\d.]+) as mmdet once', text):
        assert printed == f'{count_operations(archs[0], SIZE, head) / 1e9:.1f}'


def operations(model: nn.Module) -> list[int]:
    """Counts as mmdet's counter of 2020 did, into the list that comes back."""
    found: list[int] = []

    def count(kind: str, module: Any, inputs: Any, output: Any) -> None:
        number = output.numel()
        if kind == 'conv':
            # Output positions, also of a transposed one; the bias is one more.
            number *= module.weight.numel() // module.out_channels + (module.bias is not None)
        elif kind == 'linear':
            number *= module.in_features
        found.append(2 * number if kind == 'norm' else number)

    kinds = {
        'conv': (nn.Conv2d, nn.ConvTranspose2d),
        'linear': nn.Linear,
        'norm': nn.BatchNorm2d,
        'other': (nn.ReLU, nn.Upsample),
    }
    for module in model.modules():
        for kind, types in kinds.items():
            if isinstance(module, types):
                module.register_forward_hook(partial(count, kind))
    return found


@pytest.mark.parametrize('kind', KINDS)
def test_the_counter_of_table_5_on_mmdets_own_model(kind: str) -> None:
    """Hooks on mmdet's HRNet-W32 see what `count_operations` says without torch."""
    model = detector(kind, mmdet_hrnet_w32())
    found = operations(model)
    raw_outputs(model.eval(), torch.empty(1, 3, *SIZE, device='meta'))
    head = parse_head(f'{kind}:80')
    assert head is not None
    assert sum(found) == count_operations(named('hrnet_w32'), SIZE, head)


def test_another_second_stage_is_refused() -> None:
    model = detector('faster_rcnn', small=True)
    model.roi_head.__class__ = type('OtherRoIHead', (nn.Module,), {})
    with raises(EvaluationError, names=('OtherRoIHead',)):
        trace(model, SIZE)


def test_raw_outputs_show_every_difference() -> None:
    """A change in any part of a detector changes them."""
    torch.manual_seed(0)
    backbone = {'type': 'scalenas.ScaleHRNet', 'arch': SPACE.smallest().to_dict()}
    limits = {'test_cfg.rpn.max_per_img': 9, 'test_cfg.rcnn.max_per_img': 4}
    model = detector('mask_rcnn', backbone, small=True, device='cpu', **limits).eval()
    image = torch.rand(1, 3, 64, 96)

    def flat(value: Any) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            return value.flatten()
        return torch.cat([flat(part) for part in value])

    with torch.no_grad():
        before = flat(raw_outputs(model, image))
        assert torch.equal(before, flat(raw_outputs(model, image)))
        for part in (
            'backbone.conv1',
            'neck.fpn_convs.4.conv',
            'rpn_head.rpn_reg',
            'roi_head.bbox_head.fc_cls',
            'roi_head.mask_head.conv_logits',
        ):
            weight = model.get_submodule(part).weight
            old = weight.clone()
            weight.mul_(1.5)
            assert not torch.equal(before, flat(raw_outputs(model, image))), part
            weight.copy_(old)
