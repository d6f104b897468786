"""A supernet in training that starts from a stock checkpoint: what is loaded, what teaches."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from scalenas.arch.hrnet import stock_hrnet
from scalenas.errors import UserError
from scalenas.registry import MODELS
from tests.errors import raises

from .conftest import SEGMENTOR, SPACE, TAP, batch

OWN = stock_hrnet(8, (1, 1, 1), 2, 1, 'bilinear').with_(stem=16, stage1_channels=8)


def segmentor(num_classes: int = 4) -> Any:
    """A stock task model, as somebody trained it."""
    config = copy.deepcopy(SEGMENTOR)
    config['backbone'] = dict(type='scalenas.ScaleHRNet', arch=OWN.to_dict())
    config['decode_head']['num_classes'] = num_classes
    torch.manual_seed(0)
    model = MODELS.build(config)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def supernet(path: str, **options: Any) -> Any:
    config = copy.deepcopy(SEGMENTOR)
    config['backbone']['space'] = {**SPACE, 'upsample': 'bilinear'}
    kind = dict(type='scalenas.SuperNet', architecture=config, init_from=dict(stock=path))
    model = MODELS.build({**kind, 'sampler': dict(type='grouped', seed=3), **options})
    model.init_weights()
    return model.eval()


def test_the_trained_model_is_the_start_and_the_teacher(tmp_path: Any) -> None:
    stock, path = segmentor(), str(tmp_path / 'mine.pth')
    torch.save({'state_dict': stock.state_dict(), 'meta': {}}, path)
    teaching = dict(tap=TAP, weight=1.0, teacher='frozen')
    model = supernet(path, distillation=teaching)
    data = model.data_preprocessor(batch(), False)
    wanted = stock(data['inputs'])
    for arch in (OWN, model.backbone.space.largest()):
        with torch.no_grad(), model.active(arch):
            got = model(data['inputs'])
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    teacher = model._teacher[0].model
    with torch.no_grad():
        torch.testing.assert_close(teacher.eval()(data['inputs']), wanted, rtol=1e-5, atol=1e-5)


def test_a_head_of_other_classes_is_new(tmp_path: Any) -> None:
    stock, path = segmentor(num_classes=7), str(tmp_path / 'mine.pth')
    torch.save(stock.state_dict(), path)
    model = supernet(path)
    head, theirs = model.architecture.decode_head, stock.decode_head
    assert torch.equal(head.convs[0].conv.weight, theirs.convs[0].conv.weight)
    assert head.conv_seg.weight.shape[0] == 4


def test_a_checkpoint_that_is_no_hrnet_is_refused(tmp_path: Any) -> None:
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'a': torch.ones(1)}}, path)
    with raises(UserError, where=path):
        supernet(str(path))
    with raises(UserError, where=f'init_from.stock: {tmp_path / "none.pth"}'):
        supernet(str(tmp_path / 'none.pth'))


@pytest.mark.parametrize('value', [3, None])
def test_a_stock_that_is_no_path_is_refused(value: Any) -> None:
    with raises(UserError, where='init_from.stock', got=value):
        supernet(value)
