"""Two counters that know nothing of each other: the layer plan, and the layers that run."""

from __future__ import annotations

import copy
import random
from importlib import import_module
from typing import Any

import pytest
import torch
from mmengine.analysis import FlopAnalyzer, get_model_complexity_info
from mmengine.registry import MODELS, DefaultScope
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from scalenas.arch import ArchError, list_archs, named
from scalenas.complexity import Cost, Counter, count
from scalenas.errors import EvaluationError
from scalenas.evaluation import trace
from scalenas.evaluation.trace import MULTIPLYING
from scalenas.models import ScaleHRNet, ScaleMBConvNet, SuperScaleHRNet
from scalenas.space import HRSpace
from tests.models.mbconv_nets import FORMS, SPACES, net_of

from ..models.world import INNER, stock_extra
from .world import SPACE, segmentor

SINGLE = HRSpace(width=6, num_modules=(1, 1, 2), depth=(1, 2, 4), output='single')


@pytest.mark.parametrize('number', [10, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize('space', [SPACE, SINGLE, INNER], ids=['multi', 'single', 'inner'])
def test_random_archs_cost_what_the_plan_says(space: HRSpace, number: int) -> None:
    rng = random.Random(0)
    for arch in [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(number))]:
        size = rng.choice([(64, 64), (96, 64), (50, 71)])
        with torch.device('meta'):
            net = ScaleHRNet(arch)
        assert trace(net, size) == count(arch.layers(size))


@pytest.mark.parametrize('name', list_archs('hrnet'))
def test_named_archs_cost_what_the_plan_says(name: str) -> None:
    arch = named(name)
    with torch.device('meta'):
        net = ScaleHRNet(arch)
    assert trace(net, (128, 96)) == count(arch.layers((128, 96)))


@pytest.mark.parametrize('space', [SPACE, INNER], ids=['plain', 'inner'])
def test_a_supernet_costs_what_its_active_sub_net_does(space: HRSpace) -> None:
    rng = random.Random(1)
    supernet = SuperScaleHRNet(space)
    for arch in (space.sample(rng) for _ in range(10)):
        with supernet.active(arch):
            assert trace(supernet, (64, 64)) == count(arch.layers((64, 64)))


def test_skipped_modules_run_but_are_not_counted() -> None:
    model = segmentor({'type': 'scalenas.ScaleHRNet', 'arch': SPACE.smallest().to_dict()})
    rest = trace(model, (64, 64), skip=[model.backbone])
    assert Counter((64, 64), rest=rest)(SPACE.smallest()) == trace(model, (64, 64))
    assert rest['params'] == sum(p.numel() for p in model.decode_head.parameters())


def test_mmengine_counts_the_same_convolutions() -> None:
    """Its total is larger: it adds batch norms and upsampling, which published tables leave out."""
    arch = SPACE.sample(random.Random(2))
    net = ScaleHRNet(arch).eval()
    flops = FlopAnalyzer(net, (torch.zeros(1, 3, 64, 64),)).unsupported_ops_warnings(False)
    by_operator = flops.uncalled_modules_warnings(False).by_operator()
    assert by_operator['conv'] == trace(net, (64, 64))['macs']
    assert flops.total() > by_operator['conv']


def test_layers_of_other_kinds_and_a_layer_that_runs_twice() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=2)
            self.up = nn.ConvTranspose2d(4, 3, 2, stride=2)
            self.unused = nn.Conv2d(9, 9, 9)
            self.fc = nn.Linear(3, 7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.up(self.conv(self.conv(x))).mean((2, 3)))

    cost = trace(Net(), (10, 6), in_channels=4)
    assert cost['macs'] == 2 * 60 * 4 * 2 * 9 + 60 * 4 * 3 * 4 + 3 * 7
    assert cost['params'] == (4 * 2 * 9 + 4) + (4 * 3 * 4 + 3) + (3 * 7 + 7)
    assert cost['acts'] == 2 * 60 * 4 + 3 * 240


def test_what_goes_element_by_element_is_free_and_its_parameters_count() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.PReLU(4), nn.GroupNorm(2, 4), nn.GELU())
    cost = trace(net, (8, 8))
    assert cost == Cost(macs=64 * 12, params=12 + 4 + 4 + 8, acts=64 * 4)


class Attention(nn.Module):
    """One head over 64 pixels of 32 channels: by functions, or as `ask` has it."""

    def __init__(self, ask: Any) -> None:
        super().__init__()
        self.ask = ask
        self.patches = nn.Conv2d(3, 32, 4, 4)
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.ask(self.query(x), self.key(x), self.value(x))


def by_rows(rows: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """A product of matrices by as many of a matrix with a vector."""
    return torch.stack([torch.mv(matrix, row) for row in rows])


WAYS = {
    'scaled_dot_product_attention': F.scaled_dot_product_attention,
    'matmul': lambda q, k, v: (q @ k.transpose(1, 2)).softmax(-1) @ v,
    'einsum': lambda q, k, v: torch.einsum(
        'bij,bjc->bic', torch.einsum('bic,bjc->bij', q, k).softmax(-1), v
    ),
    'bmm': lambda q, k, v: torch.bmm(torch.bmm(q, k.mT).softmax(-1), v),
    'baddbmm': lambda q, k, v: torch.baddbmm(v, torch.bmm(q, k.mT).softmax(-1), v),
    'mm': lambda q, k, v: torch.mm(torch.mm(q[0], k[0].T).softmax(-1), v[0]),
    'addmm': lambda q, k, v: torch.addmm(v[0], torch.mm(q[0], k[0].T).softmax(-1), v[0]),
    'linear': lambda q, k, v: F.linear(F.linear(q, k[0]).softmax(-1), v[0].T),
    'tensordot': lambda q, k, v: torch.tensordot(
        torch.tensordot(q[0], k[0], ([1], [1])).softmax(-1), v[0], ([1], [0])
    ),
    'mv': lambda q, k, v: by_rows(v[0].T, by_rows(q[0], k[0]).softmax(-1)),
}


@pytest.mark.parametrize('way', WAYS)
def test_attention_is_counted_however_it_is_written(way: str) -> None:
    patches, linear, product = 64 * 32 * 48, 64 * 32 * 32, 64 * 64 * 32
    cost = trace(Attention(WAYS[way]), (32, 32))
    assert cost['macs'] == patches + 3 * linear + 2 * product
    assert cost['params'] == (48 * 32 + 32) + 3 * (32 * 32 + 32)
    assert cost['acts'] == 64 * 32


def test_torch_counts_the_same_products() -> None:
    """Its own counter: two operations for each multiply-add."""
    net = nn.Sequential(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0))
    patches = nn.Sequential(nn.Conv2d(3, 32, 4, 4), nn.Flatten(2))
    layer = net[0]

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.layer = patches, layer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(self.patches(x).mT)

    whole = Net()
    with FlopCounterMode(display=False) as counter:
        copy.deepcopy(whole).to('meta')(torch.zeros(1, 3, 32, 32, device='meta'))
    cost = trace(whole, (32, 32))
    assert counter.get_total_flops() == 2 * cost['macs']
    assert cost['params'] == sum(p.numel() for p in whole.parameters())


class Strange(nn.Module):
    """A convolution, then something that is no layer."""

    def __init__(self, ask: Any) -> None:
        super().__init__()
        self.conv, self.ask = nn.Conv2d(3, 4, 1), ask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.ask(self.conv(x).flatten(2)[0])


UNKNOWN = {
    'cdist': lambda x: torch.cdist(x, x),
    'fft': lambda x: torch.fft.fft(x).real,
    'inverse': lambda x: torch.linalg.inv(x[:, :4]),
    'svd': lambda x: torch.linalg.svdvals(x),
    'lstm': lambda x: nn.LSTM(64, 3, device='meta')(x)[0],
}


@pytest.mark.parametrize('name', UNKNOWN)
def test_an_operator_that_nobody_counts_is_an_error(name: str) -> None:
    if name == 'lstm':
        # Its products are torch's own: by operator they are known.
        cost = trace(Strange(UNKNOWN[name]), (8, 8))
        assert cost['macs'] == 64 * 12 + 4 * (64 + 3) * 12
        return
    with pytest.raises(EvaluationError) as error:
        trace(Strange(UNKNOWN[name]), (8, 8))
    assert str(error.value.got).startswith('aten::')
    assert 'Conv2d' in error.value.where
    assert 'skip' in error.value.hint


def test_an_operator_may_be_skipped_or_be_given_a_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Strange(UNKNOWN['cdist'])
    model = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), inner)
    assert trace(model, (8, 8), skip=[inner]) == Cost(macs=64 * 9, params=9, acts=64 * 3)
    monkeypatch.setitem(
        MULTIPLYING, torch.ops.aten._euclidean_dist, lambda x, y, **_: 2 * x.numel() * len(y)
    )
    cost = trace(
        Strange(lambda x: torch.cdist(x, x, compute_mode='use_mm_for_euclid_dist')), (8, 8)
    )
    assert cost['macs'] == 64 * 12 + 64 * 4 * 4


def test_a_model_that_looks_at_values_is_refused_in_one_line() -> None:
    with pytest.raises(EvaluationError) as error:
        trace(Strange(lambda x: x if x.sum() > 0 else -x), (8, 8))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('model', 'where'),
    [
        (nn.Sequential(nn.Conv2d(4, 4, 1)), '0'),
        (Strange(lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255)), 'conv'),
        (torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 1))), 'model'),
    ],
    ids=['channels', 'without a shape', 'scripted'],
)
def test_a_model_that_cannot_be_run_is_refused_in_one_line(model: Any, where: str) -> None:
    with pytest.raises(EvaluationError) as error:
        trace(model, (8, 8))
    assert where in error.value.where
    assert '\n' not in str(error.value)


def test_layers_that_move_in_place_or_share_a_norm_are_counted() -> None:
    class Row(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRU(3, 5, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.cell(x.flatten(2).transpose(1, 2))[0]
            return out

    assert trace(Row(), (8, 8))['macs'] == 64 * 3 * 5 * (3 + 5)
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3, padding=1))
    assert trace(normed, (8, 8))['macs'] == 64 * 3 * 4 * 9


def test_slices_of_weights_and_layers_by_functions_are_counted() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(8, 8, 5), nn.Linear(9, 9)
            self.tied = self.fc

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.conv2d(x, self.conv.weight[:4, :3, 1:4, 1:4], self.conv.bias[:4], padding=1)
            x = F.linear(x.mean((2, 3)), self.fc.weight[:5, :4])
            return F.linear(x[:, :4], self.tied.weight[:5, :4]) + self.fc.weight[5:, 0].sum()

    cost = trace(Net(), (6, 6))
    assert cost['macs'] == 36 * 4 * 27 + 5 * 4 + 5 * 4
    assert cost['params'] == 4 * 27 + 4 + 5 * 4 + 4
    assert cost['acts'] == 36 * 4


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('name', SPACES)
def test_a_supernet_of_slices_costs_what_its_active_sub_net_does(form: str, name: str) -> None:
    supernet, space = net_of(form, name), SPACES[name]
    for seed in range(5):
        arch = space.sample(random.Random(seed))
        with supernet.active(arch):
            assert trace(supernet, arch.size) == count(arch.layers())


@pytest.mark.parametrize('form', FORMS)
def test_mmengines_tool_counts_an_active_sub_net(form: str) -> None:
    """Its convolutions, as it prints them for the same network alone."""
    space = SPACES['bignas']
    supernet = FORMS[form](space, resize=True)
    arch = space.sample(random.Random(3))
    picture = torch.zeros(1, 3, *arch.size)
    before = {k: v.clone() for k, v in supernet.state_dict().items()}
    supernet.eval()
    with supernet.active(arch):
        flops = FlopAnalyzer(supernet, (picture,)).unsupported_ops_warnings(False)
        found = flops.uncalled_modules_warnings(False)
        assert found.by_operator()['conv'] == count(arch.layers())['macs']
        whole = get_model_complexity_info(
            supernet, (3, *arch.size), show_table=False, show_arch=False
        )['flops']
        assert whole == found.total()
    alone = FlopAnalyzer(ScaleMBConvNet(arch).eval(), (picture,)).unsupported_ops_warnings(False)
    assert alone.by_operator()['conv'] == found.by_operator()['conv']
    after = supernet.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())
    assert all(isinstance(p, nn.Parameter) for p in supernet.parameters())


def test_traced_slices_compute_what_the_sub_net_does() -> None:
    supernet, space = net_of('one', 'bignas'), SPACES['bignas']
    supernet.eval()
    for seed in range(3):
        arch = space.sample(random.Random(seed))
        picture = torch.rand(1, 3, *arch.size, dtype=torch.float64)
        with supernet.active(arch), torch.no_grad():
            traced = torch.jit.trace(supernet, picture, check_trace=False)
            assert torch.equal(traced(picture)[0], supernet(picture)[0])


def test_a_backbone_whose_eval_returns_nothing() -> None:
    class Bare(nn.Conv2d):
        def train(self, mode: bool = True) -> None:  # as mmseg's and mmdet's HRNet
            super().train(mode)

    assert Bare(3, 4, 1).eval() is None
    assert trace(Bare(3, 4, 1), (8, 8))['macs'] == 64 * 12


@pytest.mark.parametrize('size', [(0, 8), (8,), (True, 8), (8.0, 8), 'ab', (10**12, 8)])
def test_a_size_that_is_none(size: Any) -> None:
    with pytest.raises(ArchError):
        trace(nn.Conv2d(3, 4, 1), size)


def test_the_model_stays_as_it_was() -> None:
    net = ScaleHRNet(SPACE.smallest())
    trace(net, (64, 64))
    assert net.training
    assert all(not p.is_meta for p in net.parameters())
    assert all(not m._forward_hooks for m in net.modules())


@pytest.mark.parametrize('package', ['mmdet', 'mmpretrain', 'mmseg', 'mmpose'])
def test_a_backbone_of_any_package_is_traced(package: str) -> None:
    """HRNet's `train` of mmdet and of mmpretrain gives None back, and so does `eval`."""
    import_module(f'{package}.models')
    extra = stock_extra(8, (1, 1, 1), 1)
    with DefaultScope.overwrite_default_scope(package):
        options = {'arch': None} if package == 'mmpretrain' else {}
        net = MODELS.build({'type': 'HRNet', 'extra': extra, **options})
    upsample = 'bilinear' if package == 'mmseg' else 'nearest'
    ours = ScaleHRNet(extra=extra, upsample=upsample)
    cost = trace(net, (64, 64))
    if package in ('mmseg', 'mmdet'):
        assert cost == trace(ours, (64, 64))
    assert cost['macs'] > 0
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize(
    'layer',
    [
        *(getattr(nn, name) for name in ('Hardswish', 'GLU', 'RReLU', 'LogSigmoid', 'Hardsigmoid')),
        *(
            getattr(nn, name)
            for name in ('SiLU', 'Mish', 'GELU', 'PReLU', 'SELU', 'CELU', 'Softplus')
        ),
        lambda: nn.FractionalMaxPool2d(2, 4),
        lambda: nn.CrossMapLRN2d(2),
        lambda: nn.ReplicationPad2d(1),
    ],
)
def test_activations_and_pooling_are_free(layer: Any) -> None:
    alone = trace(nn.Conv2d(3, 4, 1), (8, 8))
    cost = trace(nn.Sequential(nn.Conv2d(3, 4, 1), layer()), (8, 8))
    assert (cost['macs'], cost['acts']) == (alone['macs'], alone['acts']) == (3 * 4 * 64, 4 * 64)
