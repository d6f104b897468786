"""The deployed form computes what the plain net does: every family, all maps, odd sizes."""

from __future__ import annotations

import copy
import itertools
import random
from typing import Any

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from scalenas.arch import Arch
from scalenas.arch.hrnet import pruned
from scalenas.deploy import deployed
from scalenas.errors import UserError
from scalenas.models import FoldedNorm, ScaleHRNet, SuperScaleHRNet
from scalenas.models.folding import fold_norms, tensors_in
from scalenas.models.hrnet import HRNet
from scalenas.models.hrnet_parts import aligned
from scalenas.registry import MODELS
from scalenas.space import HRSpace
from scalenas.tasks import task_of_model
from tests.errors import raises
from tests.families.cases import CASES, SINGLE, Case, registered
from tests.models.test_drop_in import MODELS as TASK_MODELS
from tests.models.test_drop_in import PACKAGES, stock
from tests.models.world import DEMO, lively, pictures, stock_extra

SIZES = ((64, 96), (67, 45))


def assert_same(net: nn.Module, other: nn.Module, x: Tensor, most: float) -> None:
    with torch.no_grad():
        wanted, got = net(x), other(x)
    assert len(got) == len(wanted) >= 1
    for one, two in zip(wanted, got, strict=True):
        assert one.shape == two.shape
        assert one.numel() == 1 or one.std() > 1e-3
        assert (one - two).abs().max() <= most * one.abs().max()


def norms(net: nn.Module) -> int:
    return sum(isinstance(module, _BatchNorm) for module in net.modules())


def with_all_maps(case: Case, arch: Arch) -> Any:
    """The static net; of a chain of steps the maps of all."""
    if case.family.maps == 'all':
        return case.family.net(arch)
    steps = len(case.family.net(arch)._maps)
    return case.family.net(arch, out_indices=tuple(range(steps)))


@pytest.mark.parametrize('case', CASES.values(), ids=list(CASES))
def test_every_family_is_what_it_was(case: Case) -> None:
    with registered():
        for arch in case.archs[:4]:
            net = lively(with_all_maps(case, arch))
            before = {key: value.clone() for key, value in net.state_dict().items()}
            ready = net.deploy()
            assert norms(net) > 0 == norms(ready)
            assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
            assert not any(p.requires_grad for p in ready.parameters())
            for size in (arch.size,) if arch.size else SIZES:
                assert_same(net, ready, pictures(2, 3, *size), 1e-10)
            single = net.float().deploy()
            size = arch.size or SIZES[1]
            assert_same(net, single, pictures(2, 3, *size).float(), 1e-5)


def test_feature_maps_are_channels_last_if_not_asked_otherwise() -> None:
    net = lively(ScaleHRNet(DEMO.sample(random.Random(1)))).float()
    x = pictures(1, 3, 64, 64).float()
    for wanted in (True, False):
        for y in net.deploy(channels_last=wanted)(x):
            assert y.is_contiguous(memory_format=torch.channels_last) is wanted


def repeated(lengths: tuple[int, ...]) -> list[float]:
    """Which pixel of the coarsest each of the finest repeats, through all sizes in between."""
    x = torch.arange(lengths[0], dtype=torch.float64)[None, None]
    for length in lengths[1:]:
        x = F.interpolate(x, size=length, mode='nearest')
    return x.flatten().tolist()


def test_one_upsampling_is_many_just_where_it_is_said() -> None:
    """All lengths up to 160 of branch 0: each next branch has half of it, rounded up."""
    seen = set()
    for large in range(8, 161):
        lengths = [large]
        for _ in range(3):
            lengths.append(-(-lengths[-1] // 2))
        for n in (2, 3):
            own = torch.empty(1, 1, large, 16)
            small = torch.empty(1, 1, lengths[n], 16 // 2**n)
            same = repeated((lengths[n], large)) == repeated(tuple(lengths[n::-1]))
            assert aligned([(n, small), (1, own), (-1, own)], own) is same, (large, n)
            seen.add(same)
    assert seen == {True, False}


class Enlarged(TorchFunctionMode):
    """Counts the values that upsamplings write."""

    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.count += result.numel() if func is F.interpolate else 0
        return result


def enlarged(net: nn.Module, x: Tensor) -> int:
    with torch.no_grad(), Enlarged() as seen:
        net(x)
    return seen.count


def test_each_resolution_is_upsampled_once_per_fusion() -> None:
    net = lively(ScaleHRNet(extra=stock_extra(8, (1, 1, 1), 1), upsample='nearest'))
    ready = net.deploy()
    pixels, channels = [32 * 24 // 4**i for i in range(4)], [8 * 2**i for i in range(4)]
    one_by_one = summed = 0
    for branches in (2, 3, 4):
        for target in range(branches):
            for coarser in range(target + 1, branches):
                one_by_one += channels[target] * pixels[target]
                summed += channels[target] * pixels[coarser - 1]  # to the next finer one
    x = pictures(1, 3, 128, 96)
    assert (enlarged(net, x), enlarged(ready, x)) == (one_by_one, summed)
    assert summed < 0.7 * one_by_one
    odd = pictures(1, 3, 40, 40)
    assert enlarged(ready, odd) == enlarged(net, odd)


def test_what_nothing_reads_is_gone() -> None:
    archs = (SINGLE.sample(random.Random(seed)) for seed in itertools.count())
    arch = next(arch for arch in archs if pruned(arch) != arch)
    net = lively(ScaleHRNet(arch))
    ready: Any = net.deploy()
    assert ready.arch == pruned(arch)
    assert len(list(ready.parameters())) < len(list(net.parameters()))
    for size in SIZES:
        assert_same(net, ready, pictures(2, 3, *size), 1e-10)


@pytest.mark.parametrize('package', PACKAGES)
def test_a_stock_hrnet_is_read_and_deployed(package: str) -> None:
    net = lively(stock(package, stock_extra(8, (1, 2, 1), 2), True))
    ready = deployed(net)
    assert isinstance(ready, HRNet)
    assert ready.active_arch.upsample == ('bilinear' if package == 'mmseg' else 'nearest')
    assert norms(ready) == 0
    plain = {key for key in net.state_dict() if key.endswith('weight')}
    assert {key for key in ready.state_dict() if key.endswith('weight')} < plain
    # Only mmseg's takes odd sizes.
    for size in SIZES if package == 'mmseg' else SIZES[:1]:
        assert_same(net, ready, pictures(2, 3, *size), 1e-10)


def test_a_stock_hrnet_that_ours_cannot_be_is_folded_as_it_is() -> None:
    extra = stock_extra(8, (1, 1, 1), 1)
    extra['stage2'].update(num_blocks=(1, 2))
    net = lively(stock('mmseg', extra, True))
    ready = deployed(net)
    assert type(ready) is type(net)
    assert norms(ready) == 0
    assert_same(net, ready, pictures(1, 3, 67, 45), 1e-10)


@pytest.mark.parametrize('ours', [True, False])
@pytest.mark.parametrize('package', PACKAGES)
def test_a_task_model_is_deployed_whole(package: str, ours: bool) -> None:
    cfg = copy.deepcopy(TASK_MODELS[package])
    if not ours:
        multi = cfg['backbone'].pop('multiscale_output', True)
        del cfg['backbone']['upsample']
        cfg['backbone']['type'] = 'HRNet'
        if package == 'mmpose':
            cfg['backbone']['extra']['stage4']['multiscale_output'] = multi
        else:
            cfg['backbone']['multiscale_output'] = multi
    with DefaultScope.overwrite_default_scope(package):
        model = MODELS.build(ConfigDict(cfg))
    lively(model)
    ready = deployed(model)
    assert type(ready) is type(model)
    assert isinstance(ready.backbone, HRNet)
    assert norms(model) > 0 == norms(ready)
    raw = task_of_model(model).raw_outputs

    class Raw(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Any:
            return tensors_in(raw(self.model, x))

    assert_same(Raw(model), Raw(ready), pictures(1, 3, 64, 96), 1e-10)
    with raises(UserError, where='train()'):
        ready.train()
    assert ready.eval() is ready


@pytest.mark.parametrize(
    'changed', [{}, {'num_convs': 2}, {'kernel_size': 3}, {'concat_input': True}], ids=str
)
@pytest.mark.parametrize('align', [False, True])
def test_a_head_over_all_maps_convolves_them_at_their_own_sizes(
    align: bool, changed: dict[str, Any]
) -> None:
    cfg = copy.deepcopy(TASK_MODELS['mmseg'])
    cfg['decode_head'].update(changed, align_corners=align)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = lively(MODELS.build(ConfigDict(cfg)))
    ready = deployed(model)
    assert (type(ready.decode_head).__name__ == 'SummedFCNHead') == (not changed)
    for size in SIZES:
        assert_same(model, ready, pictures(2, 3, *size), 1e-10)


class Mixed(nn.Module):
    """Norms that can be folded, and norms that cannot, for all reasons there are."""

    def __init__(self) -> None:
        super().__init__()
        self.biased, self.after_biased = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.depthwise, self.after_depthwise = nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8)
        self.up, self.after_up = nn.ConvTranspose2d(8, 6, 2, 2), nn.BatchNorm2d(6)
        self.twice, self.after_twice = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)
        self.alone = nn.Conv2d(6, 6, 1)
        self.before, self.late = nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1)
        self.grouped, self.groups = nn.Conv2d(6, 6, 1), nn.GroupNorm(2, 6)
        self.read_twice, self.one, self.other = nn.Conv2d(6, 6, 1), *map(nn.BatchNorm2d, (6, 6))
        self.given, self.after_given = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)
        self.plain, self.no_affine = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6, affine=False)
        self.scaled, self.after_scaled = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)
        self.tied, self.also_tied = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 1)
        self.also_tied.weight = self.tied.weight
        self.after_tied = nn.BatchNorm2d(6)
        self.idle, self.lent = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 1)
        self.lent.weight = self.idle.weight
        self.after_lent = nn.BatchNorm2d(6)
        self.shared, self.after_shared = nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6)
        self.up_grouped = nn.ConvTranspose2d(6, 6, 1, groups=2)
        self.after_up_grouped = nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.after_biased(self.biased(x)).relu_()
        x = self.after_depthwise(self.depthwise(x)).relu_()
        x = self.after_up(self.up(x))
        x = self.after_twice(self.twice(x)) + self.after_twice(self.twice(x.relu()))
        x = self.late(self.before(self.alone(x).relu()))
        x = self.groups(self.grouped(x))
        x = self.read_twice(x)
        x = self.one(x) + self.other(x)
        given = self.given(x)
        x = self.no_affine(self.plain(self.after_given(given)))
        standard = self.scaled.weight / self.scaled.weight.norm()
        x = self.after_scaled(F.conv2d(x, standard, self.scaled.bias))
        x = self.after_tied(self.tied(x)) + self.also_tied(x)
        x = self.after_lent(self.lent(x))
        x = self.after_shared(self.shared(x)) + self.shared(x.relu())
        return self.after_up_grouped(self.up_grouped(x)), given


def test_norms_that_something_else_depends_on_stay() -> None:
    net = lively(Mixed())
    for module in net.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight)
    ready = deployed(net)
    gone = {name for name, module in ready.named_modules() if isinstance(module, FoldedNorm)}
    foldable = ('biased', 'depthwise', 'up', 'twice')
    assert gone == {*(f'after_{name}' for name in foldable), 'no_affine'}
    for size in ((12, 12), (15, 9)):
        assert_same(net, ready, pictures(3, 3, *size), 1e-10)


def test_weights_are_folded_in_float64_and_rounded_once() -> None:
    net = lively(ScaleHRNet(DEMO.sample(random.Random(1)))).float()
    exact = copy.deepcopy(net).double().deploy().state_dict()
    for key, value in net.deploy().state_dict().items():
        assert torch.equal(value, exact[key].float())


def test_what_is_another_function_is_refused() -> None:
    """A module that does otherwise when it is asked again: no copy can be the same."""

    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.asked = nn.Conv2d(3, 4, 1), 0

        def forward(self, x: Tensor) -> Tensor:
            self.asked += 1
            return self.conv(x) * self.asked

    with raises(UserError, where='Moody', allowed='at most 0.001'):
        deployed(Moody())
    with raises(UserError, where='ReLU', got='no nn.Conv2d'):
        deployed(nn.ReLU())


def test_a_supernet_is_refused() -> None:
    with raises(UserError, where='SuperScaleHRNet'):
        deployed(SuperScaleHRNet(DEMO))


def test_a_config_builds_the_deployed_form() -> None:
    """Its weights have the same names, of whatever family the plain net is."""
    x = pictures(1, 3, 40, 40)
    with registered():
        for case in CASES.values():
            arch = case.archs[0]
            net = lively(case.family.net(arch))
            plain = {'type': case.family.net_type, 'arch': arch.to_dict()}
            built = MODELS.build({'type': 'scalenas.Deployed', 'net': plain})
            built.double().load_state_dict(net.deploy().state_dict())
            assert_same(net, built, x, 1e-10)


def test_folding_names_the_norms() -> None:
    space = HRSpace(8, (1, 1), (1, 2), stem=8, stage1_blocks=1, stage1_channels=8)
    net = lively(ScaleHRNet(space.smallest(), norm_cfg={'type': 'GN', 'num_groups': 2}))
    x = pictures(1, 3, 64, 64)
    assert fold_norms(net, lambda module: module(x)) == []
    net = lively(ScaleHRNet(space.smallest()))
    names = [name for name, module in net.named_modules() if isinstance(module, _BatchNorm)]
    assert sorted(fold_norms(net, lambda module: module(x))) == sorted(names)
