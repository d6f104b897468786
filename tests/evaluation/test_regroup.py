"""Which calibration images go through a net together; a meeting of forwards is one batch."""

from __future__ import annotations

import random
import threading

import pytest
import torch
from torch import nn

from scalenas.errors import EvaluationError
from scalenas.evaluation.calibrate import recalibrated, regrouped
from scalenas.evaluation.supernet import active_norms

from ..models.mbconv_nets import net_of


def numbered(sides: list[int]) -> list[dict[str, object]]:
    """One batch an image, whose values are its position."""
    return [
        {'inputs': torch.full((1, 3, s, s), float(n)), 'data_samples': [n]}
        for n, s in enumerate(sides)
    ]


def in_batches(ones: list[dict[str, object]], size: int) -> list[dict[str, object]]:
    """Neighbours of one size, `size` at most in a batch."""
    found: list[list[dict[str, object]]] = []
    for one in ones:
        last = found[-1] if found else []
        if last and len(last) < size and last[0]['inputs'].shape == one['inputs'].shape:
            last.append(one)
        else:
            found.append([one])
    return [
        {
            'inputs': torch.cat([one['inputs'] for one in batch]),
            'data_samples': [n for one in batch for n in one['data_samples']],
        }
        for batch in found
    ]


@pytest.mark.parametrize('seed', range(20))
def test_groups_do_not_depend_on_batches(seed: int) -> None:
    rng = random.Random(seed)
    sides = [side for side in rng.choices([2, 3, 4], k=8) for _ in range(rng.randint(1, 6))]
    together, at_once = rng.choice([1, 20, 50, 10**6]), rng.choice([1, 10, 40])
    shown = []
    for size in (1, 3, len(sides)):
        groups = list(regrouped(in_batches(numbered(sides), size), together, at_once))
        order = [n for group in groups for batch in group for n in batch['data_samples']]
        assert order == list(range(len(sides)))
        for batch in (batch for group in groups for batch in group):
            assert len(batch['inputs']) == len(batch['data_samples'])
            assert torch.equal(
                batch['inputs'].amax((1, 2, 3)), torch.tensor(batch['data_samples']).float()
            )
            pixels = batch['inputs'].shape[2] * batch['inputs'].shape[3]
            assert len(batch['inputs']) * pixels <= at_once or len(batch['inputs']) == 1
        for group in groups[:-1]:
            assert sum(b['inputs'][:, 0].numel() for b in group) >= together
        shown.append([[batch['data_samples'] for batch in group] for group in groups])
    assert shown[0] == shown[1] == shown[2]


def test_a_small_rest_joins_the_last_group() -> None:
    def sizes(count: int) -> list[int]:
        groups = regrouped(numbered([10] * count), together=500, at_once=10**6)
        return [sum(len(batch['inputs']) for batch in group) for group in groups]

    assert sizes(12) == [5, 7]
    assert sizes(13) == [5, 5, 3]
    assert sizes(2) == [2]
    assert sizes(0) == []


def test_a_batch_that_is_as_it_should_be_is_not_copied() -> None:
    (batch,) = in_batches(numbered([8] * 5), 5)
    assert next(regrouped([batch]))[0] is batch
    odd = {'inputs': [torch.zeros(3, 4, 4)], 'data_samples': [None]}
    assert next(regrouped([odd]))[0] is odd


@pytest.mark.parametrize('form', ['one', 'choices'])
def test_a_norm_that_runs_as_a_part_of_itself_in_many_threads(form: str) -> None:
    """Its parameters are exchanged while it runs (`functional_call`), and come back."""
    net = net_of(form, 'bignas')
    model = nn.Sequential(net)
    arch = net.space.smallest()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modules = {name: dict(m.named_parameters(recurse=False)) for name, m in model.named_modules()}
    rng = torch.Generator().manual_seed(0)
    parts = [torch.randn(1, 3, 32, 32, generator=rng).double() for _ in range(5)]
    found = []
    with net.active(arch):
        norms = active_norms(model, arch)
        for group in ([torch.cat(parts)], parts):
            with recalibrated(norms, model, [group]):
                found.append([n.running_var.clone() for _, n in norms])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    for name, module in model.named_modules():
        for key, value in module.named_parameters(recurse=False):
            assert value is modules[name][key]


class Stops(nn.Module):
    """Two norms; images of the side `side` end in an error between them."""

    def __init__(self, error: BaseException, side: int) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.error, self.side = error, side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        if x.shape[-1] == self.side:
            raise self.error
        return self.second(x)


@pytest.mark.parametrize('side', [4, 5, 6])
@pytest.mark.parametrize('error', [RuntimeError('no'), KeyboardInterrupt()])
def test_an_error_in_one_forward_ends_all(error: BaseException, side: int) -> None:
    net = Stops(error, side).eval()
    norms = [('first', net.first), ('second', net.second)]
    group = [torch.randn(1, 3, s, s) for s in (4, 5, 6)]
    threads = threading.active_count()
    with pytest.raises(type(error)), recalibrated(norms, net, [group]):
        pass
    assert threading.active_count() == threads
    assert not net.first._forward_pre_hooks
    assert torch.equal(net.first.running_mean, torch.zeros(3))


def test_too_little_memory_is_said_with_what_to_do() -> None:
    net = Stops(torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 9 GiB'), 5)
    group = [torch.randn(1, 3, s, s) for s in (4, 5)]
    with (
        pytest.raises(EvaluationError) as error,
        recalibrated([('first', net.first)], net.eval(), [group]),
    ):
        pass
    assert error.value.where == 'calibration_dataloader'
    assert 'spread' in error.value.hint


class Chooses(nn.Module):
    """Small images pass by the second norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.BatchNorm2d(3) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.third(self.second(x) if x.shape[-1] > 4 else x)


def test_a_norm_that_some_images_do_not_reach() -> None:
    net = Chooses().double().eval()
    norms = [(name, getattr(net, name)) for name in ('first', 'second', 'third')]
    parts = [torch.randn(1, 3, s, s).double() for s in (4, 5, 6)]
    with recalibrated(norms, net, [parts]):
        values = torch.cat([p.transpose(0, 1).flatten(1) for p in parts], 1)
        torch.testing.assert_close(net.first.running_mean, values.mean(1))
        scaled = [
            (p - values.mean(1)[:, None, None])
            / (values.var(1, unbiased=False) + 1e-5).sqrt()[:, None, None]
            for p in parts
        ]
        seen = torch.cat([p.transpose(0, 1).flatten(1) for p in scaled[1:]], 1)
        torch.testing.assert_close(net.second.running_var, seen.var(1))
        assert net.third.running_var.isfinite().all()


def test_single_values_of_several_images_have_a_variance() -> None:
    norm = nn.BatchNorm2d(2).eval()
    parts = [torch.tensor([1.0, 2.0]).view(1, 2, 1, 1), torch.tensor([3.0, 2.0]).view(1, 2, 1, 1)]
    with recalibrated([('norm', norm)], norm, [parts]):
        assert norm.running_mean.tolist() == [2.0, 2.0]
        assert norm.running_var.tolist() == [2.0, 0.0]
    with (
        pytest.raises(EvaluationError) as error,
        recalibrated([('norm', norm)], norm, [parts[:1]]),
    ):
        pass
    assert error.value.where == 'calibration_dataloader'


def test_forwards_of_a_meeting_run_under_the_callers_modes() -> None:
    class Modes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.found = nn.BatchNorm2d(3), []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.found.append((torch.is_grad_enabled(), torch.is_autocast_enabled('cpu')))
            return self.norm(torch.nn.functional.conv2d(x, torch.ones(3, 3, 1, 1)))

    net = Modes().eval()
    parts = [torch.randn(2, 3, s, s) for s in (4, 5)]
    for mixed in (False, True):
        net.found.clear()
        with (
            torch.autocast('cpu', torch.bfloat16, enabled=mixed),
            recalibrated([('norm', net.norm)], net, [parts]),
        ):
            assert net.found == [(False, mixed)] * 2
            assert net.norm.running_var.dtype is torch.float32
