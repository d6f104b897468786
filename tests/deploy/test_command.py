"""A device behind a command line: what it is asked, what it may answer, and what it may not."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from scalenas.deploy import CommandStopwatch, NetTimer
from scalenas.deploy.command import milliseconds
from scalenas.errors import UserError
from scalenas.latency import LatencyError
from tests.errors import contains, raises

from .test_timer import SMALL

OUT = 'measure: output of the command'


@pytest.fixture
def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()


def python(code: str) -> str:
    """A command that runs this code, with the path of the network and its size as arguments."""
    return f'{shlex.quote(sys.executable)} -c {shlex.quote(code)} {{net}} {{height}} {{width}}'


def test_the_command_gets_the_network_and_its_size(net: nn.Module, tmp_path: Path) -> None:
    kept = tmp_path / 'a net.onnx'
    code = (
        f'import json, shutil, sys; shutil.copy(sys.argv[1], {str(kept)!r}); '
        'print("warming up"); print(json.dumps({"ms": [float(sys.argv[2]), 9.0, '
        'float(sys.argv[3])]}))'
    )
    with CommandStopwatch(python(code)).opened(net, (6, 8), 3) as visit:
        assert visit() == pytest.approx(8e-3)
        assert visit() == pytest.approx(8e-3)
    session = onnxruntime.InferenceSession(str(kept), providers=['CPUExecutionProvider'])
    images = torch.randn(1, 3, 6, 8)
    (given,) = session.run(None, {'image': images.numpy()})
    np.testing.assert_allclose(given, net(images).detach().numpy(), atol=1e-5)


def test_a_backbone_by_a_command() -> None:
    timer = NetTimer(CommandStopwatch(python('print(\'{"ms": 12.5}\')'), batch=2), 3)
    assert timer.ms(SMALL, (32, 32)) == pytest.approx(12.5)
    assert 'batch 2 in command ' in timer.text(timer.spread(SMALL, (32, 32)))


@pytest.mark.parametrize(
    ('text', 'ms'),
    [
        ('{"ms": 3}', 3.0),
        ('{"ms": [5.0]}', 5.0),
        ('{"ms": [1, 9, 2]}\n', 2.0),
        ('loading\n\n{"ms": 0.25, "device": "x"}\n \n', 0.25),
    ],
)
def test_answers(text: str, ms: float) -> None:
    assert milliseconds(text) == ms


@pytest.mark.parametrize(
    ('text', 'kind', 'where', 'got'),
    [
        ('', UserError, OUT, ''),
        ('12.5', UserError, OUT, '12.5'),
        ('{"ms"', UserError, OUT, '{"ms"'),
        ('{"seconds": 3}', UserError, OUT, '{"seconds": 3}'),
        ('{"ms": 3}\ndone', UserError, OUT, 'done'),
        ('[{"ms": 3}]', UserError, OUT, '[{"ms": 3}]'),
        ('{"ms": 0}', LatencyError, 'time of the command, in ms', 0),
        ('{"ms": [3, NaN]}', LatencyError, 'time of the command, in ms', lambda v: v != v),
        ('{"ms": [3, -1]}', LatencyError, 'time of the command, in ms', -1),
        ('{"ms": []}', LatencyError, 'time of the command, in ms', []),
        ('{"ms": "3"}', LatencyError, 'time of the command, in ms', '3'),
        ('{"ms": true}', LatencyError, 'time of the command, in ms', True),
        ('{"ms": 1' + 400 * '0' + '}', LatencyError, 'time of the command, in ms', 10**400),
        (100_000 * '[', UserError, OUT, 100_000 * '['),
    ],
)
def test_what_is_no_answer(text: str, kind: type, where: str, got: object) -> None:
    with raises(kind, where=where, got=got):
        milliseconds(text)


def test_a_command_that_fails_is_one_line(net: nn.Module) -> None:
    for line, problem in (
        ('echo no such device >&2; exit 3; {net}', contains('ended with 3', 'no such device')),
        ('nowhere_to_be_found {net}', contains('ended with 127', 'nowhere_to_be_found')),
        ("python3 -c 'raise SystemExit(9)' {net}", contains('ended with 9')),
    ):
        with (
            CommandStopwatch(line).opened(net, (6, 8), 3) as visit,
            raises(UserError, where='measure', problem=problem),
        ):
            visit()


def test_a_command_that_hangs_is_ended_with_all_that_it_started(
    net: nn.Module, tmp_path: Path
) -> None:
    mark = tmp_path / 'mark'
    line = f'(sleep 2; touch {mark}) & sleep 60; : {{net}}'
    with CommandStopwatch(line, timeout=0.3).opened(net, (6, 8), 3) as visit:
        with raises(UserError, where='measure', problem=contains('longer than 0.3 s')):
            visit()
        time.sleep(2.2)
    assert not mark.exists()


def test_what_a_shell_left_behind_does_not_hold_the_visit(net: nn.Module, tmp_path: Path) -> None:
    """The shell has ended, and a process of its own has its output."""
    pid = tmp_path / 'pid'
    line = f'sleep 60 & echo $! > {pid}; : {{net}}'
    with (
        CommandStopwatch(line, timeout=0.5).opened(net, (6, 8), 3) as visit,
        raises(UserError, where='measure', problem=contains('longer than 0.5 s')),
    ):
        visit()
    assert gone(int(pid.read_text()))


def gone(pid: int) -> bool:
    """Whether a process has ended: within a second, and be it that nobody has asked for its end."""
    for _ in range(100):
        try:
            state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
        except FileNotFoundError:
            return True
        if state == 'Z':
            return True
        time.sleep(0.01)
    return False


def test_bytes_that_are_no_text_before_the_answer(net: nn.Module) -> None:
    line = """printf '\\377\\376\\n{"ms": 3}\\n'; : {net}"""
    with CommandStopwatch(line).opened(net, (6, 8), 3) as visit:
        assert visit() == pytest.approx(3e-3)


def test_a_network_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('scalenas.deploy.graph.find_spec', lambda name: None)
    with raises(UserError, where='measure', hint='pip install onnx onnxruntime'):
        CommandStopwatch('time_it {net}')


def test_a_command_that_does_not_get_the_network_is_refused() -> None:
    with raises(UserError, where='measure', got='ssh host time_it', allowed=contains('{net}')):
        CommandStopwatch('ssh host time_it')
