"""Timing of networks given as archs: what is run, how often, and that nothing stays behind."""

from __future__ import annotations

import pytest
import torch

from scalenas.arch import MBConvArch, MBStage, named
from scalenas.arch.mbconv_units import MBBlock
from scalenas.errors import EvaluationError
from scalenas.evaluation import NetTimer, device_name, latency
from scalenas.evaluation.latency import timed, training_step
from scalenas.models import ScaleMBConvNet
from tests.errors import contains, raises

from .world import SPACE

SMALL = MBConvArch((MBStage(8, (MBBlock(3, 1, True),)), MBStage(8, (MBBlock(),), 2)), 8, 16, 32)


@pytest.mark.parametrize('kind', ['inference', 'training'])
@pytest.mark.parametrize(
    ('arch', 'size'),
    [(SMALL, (32, 32)), (named('regnetx_200mf'), (32, 48)), (SPACE.smallest(), (32, 32))],
)
def test_every_family_is_timed(arch, size, kind) -> None:
    before = torch.random.get_rng_state()
    seconds = NetTimer(batch=2, repeats=3, warm_up=0)(arch, size, kind)
    assert len(seconds) == 3
    assert all(0 < second < 60 for second in seconds)
    assert torch.equal(before, torch.random.get_rng_state()), 'the global generator is untouched'


def test_latency_is_the_median_with_quartiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, 'timed', lambda *_: [5.0, 1.0, 3.0, 2.0, 4.0])
    timer = NetTimer(batch=2, repeats=5)
    found = timer.latency(SMALL, (32, 32))
    assert (found.lower, found.median, found.upper) == (1.5, 3.0, 4.5)
    assert (found.repeats, found.batch, found.device) == (5, 2, 'cpu')
    assert timer.ms(SMALL, (32, 32)) == 3000.0


def test_inference_sees_the_statistics_of_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps neither vanish nor grow: denormal numbers would be timed instead of the network."""
    outputs = []

    def keep(action, *_):
        outputs.append(action()[-1])
        return [1.0]

    monkeypatch.setattr(latency, 'timed', keep)
    timer = NetTimer(batch=4)
    assert timer(SMALL, (32, 32)) == [1.0]
    assert timer(SMALL, (32, 32)) == [1.0]
    assert 0.1 < outputs[0].std() < 10
    assert torch.equal(outputs[0], outputs[1])
    assert not outputs[0].requires_grad


def test_a_training_step_changes_the_weights() -> None:
    torch.manual_seed(0)
    net = ScaleMBConvNet(SMALL)
    before = {name: value.clone() for name, value in net.named_parameters()}
    step = training_step(net, torch.randn(2, 3, 32, 32))
    assert len(timed(step, 'cpu', 2, 1)) == 2
    moved = [name for name, value in net.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) > 0.9 * len(before)


def test_the_clock_is_the_one_that_was_asked_for() -> None:
    ticks = iter(range(100))
    assert timed(lambda: None, 'cpu', 3, 2, lambda: next(ticks)) == [1, 1, 1]
    assert NetTimer(clock='processor', repeats=2)(SMALL, (32, 32))
    with raises(EvaluationError, where='clock', got='sun', allowed=('wall', 'processor')):
        NetTimer(clock='sun')


def test_no_memory_is_no_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_):
        raise torch.OutOfMemoryError('CUDA out of memory')

    monkeypatch.setattr(latency, 'timed', full)
    assert NetTimer()(SMALL, (32, 32)) == []
    with raises(EvaluationError, where='device cpu', problem=contains('2 blocks')):
        NetTimer().ms(SMALL, (32, 32))


def test_milliseconds_are_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, 'timed', lambda *_: [0.5, 0.001, 0.002])
    assert NetTimer().ms(SMALL, (32, 32)) == pytest.approx(2.0)


def test_wrong_questions() -> None:
    allowed = ('inference', 'training')
    with raises(EvaluationError, where='kind', got='sleeping', allowed=allowed):
        NetTimer()(SMALL, (32, 32), 'sleeping')
    with raises(EvaluationError, where='device', got='gpu', allowed=contains('cuda')):
        NetTimer('gpu')
    assert device_name('cpu')
