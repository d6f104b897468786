"""A static backbone that starts from its slice of a supernet's checkpoint."""

import random

import pytest
import torch
from mmengine.model import BaseModule

from scalenas.errors import UserError
from scalenas.models import (
    ChoiceMBConvNet,
    ScaleHRNet,
    ScaleMBConvNet,
    SuperMBConvNet,
    SupernetInit,
    SuperScaleHRNet,
)
from scalenas.models.checkpoint import save_plain
from scalenas.space import HRSpace
from tests.errors import check_line, contains, raises

from .mbconv_nets import BIG, SCALED
from .world import lively

ARGS = dict(width=6, num_modules=(1, 1, 2), depth=(1, 2), stem=8, stage1_blocks=1, output='single')
SPACE = HRSpace(**ARGS)


class Head(BaseModule):
    """As big as a head of a supernet's task model."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone


@pytest.fixture
def supernet():
    torch.manual_seed(0)
    net = SuperScaleHRNet(SPACE)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight)
            module.running_mean.uniform_(-0.1, 0.1)
    return net.eval()


def saved(net, path, prefix='architecture.backbone.'):
    state = {f'{prefix}{k}': v for k, v in net.state_dict().items()}
    state[prefix.replace('backbone.', 'head.final_layer.bias')] = torch.zeros(17)
    save_plain(path, state, {'scalenas': {'space': SPACE.to_dict(), 'version': '0'}})
    return str(path)


def static(arch, path, **more):
    return ScaleHRNet(arch, init_cfg={'type': 'scalenas.SupernetInit', 'checkpoint': path, **more})


@pytest.mark.parametrize('prefix', ['architecture.backbone.', 'backbone.'])
def test_it_starts_as_the_sub_net(supernet, tmp_path, prefix):
    path = saved(supernet, tmp_path / 'supernet.pth', prefix)
    arch = SPACE.sample(random.Random(3))
    model = Head(static(arch, path))
    model.init_weights()  # as the Runner does
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad(), supernet.active(arch):
        (wanted,) = supernet(x)
        (found,) = model.backbone.eval()(x)
    assert torch.equal(found, wanted)


@pytest.mark.parametrize(
    ('form', 'space', 'options'),
    [
        (SuperMBConvNet, BIG, {'resize': True}),
        (ChoiceMBConvNet, SCALED, {'resize': True, 'align': 'both', 'align_seed': 3}),
    ],
)
def test_an_mbconv_net_starts_as_its_sub_net(form, space, options, tmp_path):
    """The checkpoint says which supernet it is of, and on which side channels lie."""
    torch.manual_seed(0)
    supernet = lively(form(space, **options)).float()
    state = {f'backbone.{k}': v for k, v in supernet.state_dict().items()}
    ours = {'space': space.to_dict(), 'version': '0'}
    save_plain(tmp_path / 'a.pth', state, {'scalenas': {**ours, 'supernet': supernet.sharing()}})
    save_plain(tmp_path / 'b.pth', state, {'scalenas': ours})
    for seed in range(4):
        arch = space.sample(random.Random(seed))
        start = {'type': 'scalenas.SupernetInit', 'checkpoint': str(tmp_path / 'a.pth')}
        net = ScaleMBConvNet(arch, resize=True, init_cfg=start)
        net.init_weights()
        x = torch.rand(1, 3, 48, 48)
        with torch.no_grad(), supernet.active(arch):
            (wanted,) = supernet(x)
            (found,) = net.eval()(x)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    with raises(where=str(tmp_path / 'b.pth'), got=None, allowed=contains('ChoiceMBConvNet')):
        SupernetInit(str(tmp_path / 'b.pth'))(net)


def test_errors_are_one_line(supernet, tmp_path):
    path = saved(supernet, tmp_path / 'supernet.pth')
    arch = SPACE.smallest()
    missing = str(tmp_path / 'none.pth')
    key = 'init_cfg.checkpoint'
    with raises(where=f'{key}: {missing}', problem='no such file', hint=contains('train it')):
        static(arch, missing, made_by='train it').init_weights()
    other = HRSpace(**{**ARGS, 'width': 8}).smallest()
    with pytest.raises(UserError) as error:
        static(other, path).init_weights()
    check_line(error.value)
    torch.save({'state_dict': {'backbone.conv1.weight': torch.zeros(1)}}, missing)
    with raises(where=missing, names=('space',)):
        static(arch, missing).init_weights()
    wrong = torch.nn.Sequential()
    with raises(got='Sequential', allowed=contains('ScaleHRNet')):
        SupernetInit(path)(wrong)
