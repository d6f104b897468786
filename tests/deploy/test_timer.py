"""Stopwatches and timers: what is run, how often, by which clock, and that nothing stays behind."""

from __future__ import annotations

import pytest
import torch

from scalenas.arch import MBConvArch, MBStage, named
from scalenas.arch.mbconv_units import MBBlock
from scalenas.deploy import (
    NetTimer,
    NoMemoryError,
    RuntimeStopwatch,
    TrainingStopwatch,
    device_name,
    timer,
)
from scalenas.deploy.nets import backbone, deployed_backbone
from scalenas.deploy.timer import training_step
from scalenas.deploy.winners import stopwatch_of
from scalenas.errors import UserError
from scalenas.latency import LatencyError, deployed_arch
from scalenas.models import ScaleMBConvNet
from scalenas.space import HRSpace
from tests.errors import contains, raises

from .lab import Lab, install, weights

SMALL = MBConvArch((MBStage(8, (MBBlock(3, 1, True),)), MBStage(8, (MBBlock(),), 2)), 8, 16, 32)
SPACE = HRSpace(8, (1, 1), (1, 2), stem=16, stage1_blocks=1, stage1_channels=8)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    return install(monkeypatch)


@pytest.mark.parametrize('kind', [RuntimeStopwatch, TrainingStopwatch])
@pytest.mark.parametrize(
    ('arch', 'size'),
    [(SMALL, (32, 32)), (named('regnetx_200mf'), (32, 48)), (SPACE.smallest(), (32, 32))],
)
def test_every_family_is_timed(arch, size, kind) -> None:
    before = torch.random.get_rng_state()
    seconds = NetTimer(kind(batch=2, runs=1), 3, kind is TrainingStopwatch)(arch, size)
    assert len(seconds) == 3
    assert all(0 < second < 60 for second in seconds)
    assert torch.equal(before, torch.random.get_rng_state()), 'the global generator is untouched'


def test_a_visit_is_the_median_of_its_runs(lab: Lab) -> None:
    with RuntimeStopwatch('lab', runs=4, batch=2).opened(
        backbone(SMALL, (32, 32)), (32, 32), 3
    ) as visit:
        warm = len(lab.runs)
        assert warm == 3, 'nothing cold is timed'
        taken = lab.runs[0][0]
        assert visit() == pytest.approx(taken)
        assert len(lab.runs) == warm + 1 + 4, 'one untimed run, for other networks ran before'
        assert {shape for _, shape in lab.runs} == {(2, 3, 32, 32)}


def test_of_runs_that_differ_the_middle_one_counts(lab: Lab) -> None:
    with RuntimeStopwatch('lab', runs=3).opened(backbone(SMALL, (32, 32)), (32, 32), 3) as visit:
        lab.extra = iter([100.0, 5.0, 1.0, 3.0])
        assert visit() == pytest.approx(3.0 + lab.runs[0][0])


def test_median_and_quartiles(lab: Lab) -> None:
    found = NetTimer(RuntimeStopwatch('lab', batch=2), 5)
    spread = found.spread(SMALL, (32, 32))
    expected = 1e-3 * weights(backbone(SMALL, (32, 32)))
    assert spread == pytest.approx((expected,) * 3)
    assert found.ms(SMALL, (32, 32)) == pytest.approx(expected)
    assert 'batch 2 in lab ' in found.text(spread)


def test_what_nothing_reads_is_not_timed_but_as_it_is_trained(lab: Lab) -> None:
    arch = SPACE.largest().with_(output='single')
    assert deployed_arch(arch) != arch
    deployed, plain = (
        NetTimer(RuntimeStopwatch('lab'), 1, plain).ms(arch, (32, 32)) for plain in (False, True)
    )
    assert deployed < plain


def test_inference_sees_the_statistics_of_its_images() -> None:
    """Maps neither vanish nor grow: denormal numbers would be timed instead of the network."""
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for arch in (SMALL, SPACE.largest(), named('regnetx_200mf')):
        net = deployed_backbone(arch, (32, 32))
        assert not net.training
        with torch.no_grad():
            one = net(images)[-1]
            assert 0.05 < one.std() < 20
            assert torch.equal(one, deployed_backbone(arch, (32, 32))(images)[-1])


def test_a_training_step_changes_the_weights() -> None:
    torch.manual_seed(0)
    net = ScaleMBConvNet(SMALL)
    before = {name: value.clone() for name, value in net.named_parameters()}
    step = training_step(net, torch.randn(2, 3, 32, 32))
    step()
    step()
    moved = [name for name, value in net.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) > 0.9 * len(before)


def test_no_memory_is_one_line(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> float:
        raise torch.OutOfMemoryError('CUDA out of memory')

    lab.seconds = full
    monkeypatch.setattr(timer, 'training_step', full)
    for stopwatch in (RuntimeStopwatch('lab', batch=7), TrainingStopwatch(batch=7)):
        with raises(NoMemoryError, where='device cpu', problem=contains('32x32', 'batch 7')):
            NetTimer(stopwatch, plain=True)(SMALL, (32, 32))


def test_a_clock_that_stands_still_is_an_error(lab: Lab) -> None:
    lab.seconds = lambda net: 0.0
    with raises(LatencyError, where=contains('time of 2 blocks'), got=0.0):
        NetTimer(RuntimeStopwatch('lab'))(SMALL, (32, 32))


@pytest.mark.parametrize(
    ('options', 'where', 'got'),
    [
        ({'name': 'onyx'}, 'runtime', 'onyx'),
        ({'clock': 'sun'}, 'clock', 'sun'),
        ({'clock': 'processor', 'threads': 2}, "clock 'processor'", 'cpu, 2 threads'),
        ({'clock': 'processor', 'device': 'cuda'}, "clock 'processor'", 'cuda, 1 threads'),
        ({'threads': 0}, 'threads', 0),
        ({'batch': 0}, 'batch', 0),
        ({'runs': 0}, 'runs', 0),
        ({'precision': 'fp7'}, 'precision of runtime torch', 'fp7'),
        *(
            ({'device': device}, 'device of runtime torch', device)
            for device in ('tpu', 'cpu:1', 'cuda:x', 'cuda:999', 'cuda:', '', 3)
        ),
    ],
)
def test_wrong_questions(options: dict, where: str, got: object) -> None:
    with raises(UserError, where=where, got=got):
        RuntimeStopwatch(**options)


def test_a_table_of_a_device_that_is_not_here() -> None:
    """A search goes on without it, for this is an error of its own kind."""
    with raises(UserError, where='device of runtime torch', got='cuda:999'):
        stopwatch_of({'runtime': 'torch 2.0', 'device': 'cuda:999'})
    with raises(UserError, where='batch', got='two'):
        stopwatch_of({'runtime': 'command time_it {net}', 'batch': 'two'})


def test_the_setting_is_all_that_times_depend_on(lab: Lab) -> None:
    one = RuntimeStopwatch('lab')
    changes = {'precision': 'int8', 'threads': 2, 'batch': 2, 'runs': 4, 'clock': 'processor'}
    others = [RuntimeStopwatch('lab', **{name: value}).setting for name, value in changes.items()]
    others.append(RuntimeStopwatch('torch').setting)
    others.append(TrainingStopwatch('lab').setting)
    assert all(other != one.setting for other in others)
    assert one.setting == RuntimeStopwatch('lab', precision='fp32').setting
    assert one.setting['machine'] == device_name('cpu')
