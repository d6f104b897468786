"""Calibration against statistics computed directly, and the model as it was before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from scalenas.errors import EvaluationError
from scalenas.evaluation import calibrate
from scalenas.evaluation.calibrate import calibrated, recalibrated, regrouped
from scalenas.evaluation.supernet import active_norms
from scalenas.models.supernet import supernet_of
from tests.errors import contains, raises

from .world import SPACE, archs, supernet


def images(*sizes: tuple[int, int]) -> list[dict[str, object]]:
    """A batch for each (number of images, side)."""
    rng = torch.Generator().manual_seed(0)
    return [{'inputs': torch.randn(n, 3, s, s, generator=rng)} for n, s in sizes]


def state_of(model: nn.Module) -> tuple[dict[str, torch.Tensor], list[object]]:
    """Everything that calibration might leave changed."""
    rest = [
        (m.training, getattr(m, 'momentum', None), len(m._forward_hooks), len(m._forward_pre_hooks))
        for m in model.modules()
    ]
    return {k: v.clone() for k, v in model.state_dict().items()}, [
        *rest,
        supernet_of(model).active_arch,
    ]


def assert_same(before: tuple[dict[str, torch.Tensor], list[object]], model: nn.Module) -> None:
    state, rest = state_of(model)
    assert rest == before[1]
    for key, value in state.items():
        assert torch.equal(value, before[0][key]), key


class Toy(nn.Module):
    """Two convolutions with norms, the second norm used twice, a dropout between."""

    def __init__(self, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv1, self.norm1 = nn.Conv2d(3, 5, 3), norm(5)
        self.conv2, self.norm2 = nn.Conv2d(5, 5, 1), norm(5)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.drop(F.relu(self.norm1(self.conv1(x))))
        return self.norm2(self.conv2(x)) + self.norm2(self.conv2(x[..., ::2, ::2]))[..., :1, :1]


def whitened(x: torch.Tensor) -> torch.Tensor:
    mean = x.mean((0, 2, 3), keepdim=True)
    return (x - mean) / (((x - mean) ** 2).mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()


def pooled(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.cat([p.transpose(0, 1).flatten(1) for p in parts], 1)
    return values.mean(1), values.var(1, unbiased=True)


def whitened_together(parts: list[torch.Tensor]) -> list[torch.Tensor]:
    mean, _ = pooled(parts)
    values = torch.cat([p.transpose(0, 1).flatten(1) for p in parts], 1)
    scale = (values.var(1, unbiased=False) + 1e-5).sqrt()
    return [(p - mean[:, None, None]) / scale[:, None, None] for p in parts]


@pytest.mark.parametrize('norm', [nn.BatchNorm2d, nn.SyncBatchNorm])
@pytest.mark.parametrize('sizes', [[(6, 12)], [(4, 12), (4, 16), (1, 20)], [(1, 12), (1, 13)]])
def test_statistics_are_those_of_all_values_together(
    norm: type[nn.Module], sizes: list[tuple[int, int]]
) -> None:
    """Layer by layer, with everything that comes before normalized over all images, too."""
    net = Toy(norm).double().eval()
    batches = [b['inputs'].double() for b in images(*sizes)]
    firsts = [net.conv1(b) for b in batches]
    middles = [F.relu(f) for f in whitened_together(firsts)]
    seconds = [net.conv2(part) for m in middles for part in (m, m[..., ::2, ::2])]
    norms = [('norm1', net.norm1), ('norm2', net.norm2)]
    with recalibrated(norms, net, [batches]):
        for layer, parts in ((net.norm1, firsts), (net.norm2, seconds)):
            mean, var = pooled(parts)
            torch.testing.assert_close(layer.running_mean, mean, rtol=1e-12, atol=1e-13)
            torch.testing.assert_close(layer.running_var, var, rtol=1e-12, atol=1e-13)
            assert not layer.training


def test_groups_are_pooled_by_their_number_of_values() -> None:
    net = Toy().double().eval()
    groups = [[b['inputs'].double() for b in images((4, 12), (2, 16))]]
    groups.append([torch.randn(3, 3, 14, 14, generator=torch.Generator().manual_seed(5)).double()])
    firsts = [[net.conv1(b) for b in group] for group in groups]
    middles = [F.relu(m) for group in firsts for m in whitened_together(group)]
    seconds = [net.conv2(part) for m in middles for part in (m, m[..., ::2, ::2])]
    with recalibrated([('norm1', net.norm1), ('norm2', net.norm2)], net, groups):
        for layer, parts in ((net.norm1, [*firsts[0], *firsts[1]]), (net.norm2, seconds)):
            mean, var = pooled(parts)
            torch.testing.assert_close(layer.running_mean, mean, rtol=1e-12, atol=1e-13)
            torch.testing.assert_close(layer.running_var, var, rtol=1e-12, atol=1e-13)


def statistics(model: nn.Module, arch: object) -> list[torch.Tensor]:
    norms = [norm for _, norm in active_norms(model, arch)]
    return [b.clone() for n in norms for b in (n.running_mean, n.running_var)]


def batches_of(size: int, together: torch.Tensor) -> list[dict[str, object]]:
    return [{'inputs': part} for part in together.split(size)]


@pytest.mark.parametrize('at_once', [1, 2 * 64**2, 10**9])
def test_the_size_of_batches_does_not_matter(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image, three and all a batch: the same statistics to the bit, those of one batch."""
    model, arch = supernet(), archs(3)[2]
    everything = images((7, 64))[0]['inputs']
    monkeypatch.setattr(calibrate, 'regrouped', partial(regrouped, at_once=at_once))
    found = []
    for size in (1, 3, 7):
        with calibrated(model, arch, batches_of(size, everything)):
            found.append(statistics(model, arch))
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))
    monkeypatch.setattr(calibrate, 'regrouped', lambda batches: [[b] for b in batches])
    with calibrated(model, arch, batches_of(7, everything)):
        whole = statistics(model, arch)
    for one, other in zip(found[0], whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_one_batch_gives_what_training_mode_gives_on_it() -> None:
    model, (batch,) = supernet(), images((4, 64))
    arch = archs(3)[2]
    with calibrated(model, arch, [batch]):
        by_calibration = model(**batch, mode='tensor')
    for _, norm in active_norms(model, arch):
        norm.train()
        norm.momentum = 1.0
    with torch.no_grad(), supernet_of(model).active(arch):
        model(**batch, mode='tensor')
        model.eval()
        torch.testing.assert_close(by_calibration, model(**batch, mode='tensor'), rtol=0, atol=1e-5)


@pytest.mark.parametrize('training', [False, True])
def test_everything_comes_back_to_the_bit(training: bool) -> None:
    model = supernet()
    model.train(training)
    model.decode_head.eval()
    before = state_of(model)
    for arch in archs(4):
        with calibrated(model, arch, images((2, 64), (1, 64))):
            assert supernet_of(model).active_arch == arch
            assert not any(module.training for module in model.modules())
    assert_same(before, model)


def test_everything_comes_back_after_an_exception() -> None:
    model = supernet().train()
    before = state_of(model)
    broken = [*images((2, 64)), {'inputs': torch.zeros(1, 5, 64, 64)}]
    with pytest.raises(RuntimeError) as error, calibrated(model, SPACE.largest(), broken):
        pass
    assert 'channels' in str(error.value)  # torch's own
    assert_same(before, model)
    with pytest.raises(KeyError), calibrated(model, SPACE.largest(), images((2, 64))):
        raise KeyError
    assert_same(before, model)


def test_only_live_norms_change() -> None:
    model, arch = supernet(), SPACE.smallest()
    names = {name for name, _ in active_norms(model, arch)}
    before = model.state_dict()
    before = {key: value.clone() for key, value in before.items()}
    with calibrated(model, arch, images((2, 64))):
        changed = {
            key.rpartition('.')[0]
            for key, value in model.state_dict().items()
            if 'running' in key and not torch.equal(value, before[key])
        }
    assert changed == names
    assert any(name.startswith('decode_head') for name in names)
    assert len(names) < len([m for m in model.modules() if isinstance(m, nn.BatchNorm2d)])


def test_a_sub_net_does_not_know_which_ran_before() -> None:
    model, batches, (_, largest, first, second) = supernet(), images((2, 64), (2, 64)), archs(4)

    def statistics(arch: object) -> list[torch.Tensor]:
        with calibrated(model, arch, batches):
            return [norm.running_var.clone() for _, norm in active_norms(model, arch)]

    alone = statistics(first)
    for arch in (largest, second):
        statistics(arch)
    assert all(map(torch.equal, alone, statistics(first)))


def test_statistics_that_are_not_finite_are_replaced() -> None:
    model = supernet()
    model.backbone.bn1.running_mean.fill_(float('nan'))
    with calibrated(model, SPACE.smallest(), images((2, 64))):
        assert model.backbone.bn1.running_mean.isfinite().all()
    assert model.backbone.bn1.running_mean.isnan().all()


def test_no_batch_and_a_single_value_are_the_users_errors() -> None:
    model = supernet()
    where = 'calibration_dataloader'
    with (
        raises(EvaluationError, where=where, problem=contains('no batch')),
        calibrated(model, SPACE.smallest(), []),
    ):
        pass
    with (
        raises(EvaluationError, where=where, problem=contains([1, 64, 1, 1])),
        calibrated(model, SPACE.largest(), images((1, 32))),
    ):
        pass


def test_gradients_work_inside() -> None:
    model = supernet()
    with calibrated(model, SPACE.smallest(), images((2, 64))):
        model(**images((1, 64))[0], mode='tensor').sum().backward()
    assert model.decode_head.conv_seg.weight.grad is not None
