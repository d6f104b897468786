"""The decay that turns constant: against its formula, with a warm-up, resumed, in epochs."""

import pytest
import torch
from mmengine.optim.scheduler import LinearLR
from mmengine.registry import PARAM_SCHEDULERS

from scalenas.errors import ConfigError
from scalenas.training import ExponentialLRWithFloor
from tests.errors import raises

RATE = 0.256


def sgd(*rates):
    weights = [dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=rate) for rate in rates]
    return torch.optim.SGD(weights, lr=RATE)


def rates_of(optimizer, schedulers, steps):
    found = []
    for _ in range(steps):
        found.append([group['lr'] for group in optimizer.param_groups])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return found


@pytest.mark.parametrize('staircase', [True, False])
def test_against_the_formula(staircase):
    optimizer = sgd(RATE, 1.0)
    schedule = ExponentialLRWithFloor(
        optimizer, 0.97, 2.4, 0.05, staircase=staircase, by_epoch=False
    )
    found = rates_of(optimizer, [schedule], 400)
    for t, rates in enumerate(found):
        # 10 t / 24 is exact where t / 2.4 is not.
        periods = 10 * t // 24 if staircase else 10 * t / 24
        share = max(0.05, 0.97**periods)
        assert rates == pytest.approx([RATE * share, share], rel=1e-12)
    assert found[-1][0] == pytest.approx(0.0128)  # as printed in section 4.2
    turned = next(t for t, rates in enumerate(found) if rates == found[-1])
    assert 98 * 2.4 < turned < 99 * 2.4 + 1  # 0.97 ** 99 is the first below 0.05


def test_the_recipe_in_epochs_is_the_same_in_iterations():
    length = 312
    optimizer, other = sgd(RATE), sgd(RATE)
    cfg = dict(type='scalenas.ExponentialLRWithFloor', optimizer=optimizer, by_epoch=False)
    built = PARAM_SCHEDULERS.build({**cfg, 'period': 2.4 * length, 'begin': 2 * length})
    converted = ExponentialLRWithFloor.build_iter_from_epoch(other, begin=2, epoch_length=length)
    assert (converted.begin, converted.end, converted.by_epoch) == (624, built.end, False)
    assert rates_of(optimizer, [built], 3000) == rates_of(other, [converted], 3000)


def test_a_warm_up_beside_it():
    optimizer = sgd(RATE)
    decay = ExponentialLRWithFloor(optimizer, 0.9, 3, 0.05, by_epoch=False)
    warm = LinearLR(optimizer, start_factor=0.1, begin=0, end=10, by_epoch=False)
    for t, (rate,) in enumerate(rates_of(optimizer, [decay, warm], 120)):
        warmth = min(1, 0.1 + 0.9 * t / 9)  # whole at the tenth rate
        share = max(0.05, 0.9 ** (t // 3)) * warmth
        assert rate == pytest.approx(RATE * share, rel=1e-9)


def test_without_a_floor_a_very_long_decay_ends_at_zero():
    """0.5 ** 1075 is zero in float64, and so is every rate after it."""
    optimizer = sgd(RATE)
    decay = ExponentialLRWithFloor(optimizer, 0.5, 1, floor=0.0, by_epoch=False)
    found = [rate for (rate,) in rates_of(optimizer, [decay], 1100)]
    assert found[1] == RATE / 2
    assert found[1000] == pytest.approx(RATE * 0.5**1000)
    assert found[-1] == 0.0


@pytest.mark.parametrize('stop', [1, 7, 60])
def test_a_resumed_run_has_the_same_rates(stop):
    def fresh():
        optimizer = sgd(RATE)
        return optimizer, ExponentialLRWithFloor(optimizer, 0.9, 2.5, 0.05, begin=4, by_epoch=False)

    optimizer, schedule = fresh()
    whole = rates_of(optimizer, [schedule], 100)
    optimizer, schedule = fresh()
    first = rates_of(optimizer, [schedule], stop)
    saved = optimizer.state_dict(), schedule.state_dict()
    optimizer, schedule = fresh()
    optimizer.load_state_dict(saved[0])
    schedule.load_state_dict(saved[1])
    assert first + rates_of(optimizer, [schedule], 100 - stop) == whole


@pytest.mark.parametrize(
    ('name', 'value'), [('gamma', 1.0), ('period', 0), ('floor', 1.0), ('period', '2.4')]
)
def test_what_is_no_schedule(name, value):
    with raises(ConfigError, where=f'param_scheduler.{name}', got=value):
        ExponentialLRWithFloor(sgd(RATE), **{name: value})
