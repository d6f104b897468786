"""The contract of all runtimes that are installed: torch's numbers, sessions, and bad input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from scalenas.deploy import RUNTIMES, Runtime, Session, runtime
from tests.errors import contains, raises
from tests.processes import ROOT

from .nets import NETS, Net

TOLERANCE = {'fp32': 2e-5, 'bf16': 0.06, 'int8': 0.35}
"""Largest difference from torch in float64, relative to the largest value of a map.

fp32 has other orders of sums, bf16 a mantissa of 8 bits through some 30 layers, and int8 has 256
levels for the range of a map.
"""


def usable(device: str = 'cpu') -> list[object]:
    """Runtime and precision, of all that are known; those that compile take half a minute."""
    return [
        pytest.param(each, precision, id=f'{name}-{precision}', marks=marks(each, precision))
        for name, each in RUNTIMES.items()
        if device in each.devices
        for precision in each.precisions
    ]


def marks(adapter: Runtime, precision: str) -> list[pytest.MarkDecorator]:
    lacking = adapter.missing() or adapter.lacking(precision)
    missing = pytest.mark.skipif(bool(lacking), reason=f'needs {lacking}')
    return [missing, *([pytest.mark.slow] if 'compiled' in adapter.name else [])]


def loaded(adapter: Runtime, precision: str, net: Net, images: Tensor) -> Session:
    calibration = [net.images(len(images), seed) for seed in (1, 2)]
    return adapter.load(net.module, images, precision, calibration=calibration)


def apart(got: list[np.ndarray], wanted: list[Tensor]) -> float:
    assert [one.shape for one in got] == [tuple(one.shape) for one in wanted]
    return max(
        float((torch.from_numpy(a).double() - b).abs().max() / b.abs().max())
        for a, b in zip(got, wanted, strict=True)
    )


@pytest.mark.parametrize(('adapter', 'precision'), usable())
@pytest.mark.parametrize('name', NETS)
def test_the_numbers_are_those_of_torch(adapter: Runtime, precision: str, name: str) -> None:
    """Odd sizes, two images, all maps; the images stay, and a second call gives the same."""
    net = NETS[name]
    images = net.images(2)
    session = loaded(adapter, precision, net, images)
    given = images.numpy().copy()
    first = session(given)
    assert np.array_equal(given, images.numpy())
    difference = apart(first, net.exactly(images))
    assert difference <= TOLERANCE[precision]
    assert precision == 'fp32' or difference > 1e-4, 'computed in fp32'
    kept = [one.copy() for one in first]
    other = net.images(2, seed=5)
    assert apart(session(other.numpy()), net.exactly(other)) <= TOLERANCE[precision]
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True)), 'memory is reused'
    assert all(np.array_equal(a, b) for a, b in zip(session(given), kept, strict=True))
    assert session.shape == (2, 3, *net.size)
    assert (session.precision, session.device, session.threads) == (precision, 'cpu', 1)
    assert session.runtime == f'{adapter.name} {adapter.version()}'


@pytest.mark.parametrize(('adapter', 'precision'), usable())
def test_sessions_are_independent_of_each_other_and_of_the_net(
    adapter: Runtime, precision: str
) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    images = torch.ones(1, 3, 9, 7)
    first = adapter.load(net, images, precision, calibration=[images])
    before = first(images.numpy())[0]
    with torch.no_grad():
        net[0].bias += 3.0
    second = adapter.load(net, images[:, :, :8], precision, calibration=[images[:, :, :8]])
    assert second(images[:, :, :8].numpy())[0].shape == (1, 4, 6, 5)
    assert np.array_equal(first(images.numpy())[0], before)
    assert net[0].weight.dtype == torch.float32
    assert net[0].weight.is_contiguous()


@pytest.mark.parametrize('adapter', list(RUNTIMES.values()), ids=list(RUNTIMES))
def test_what_cannot_be_asked_for_is_said_in_one_line(
    adapter: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, images = nn.ReLU(), torch.zeros(1, 3, 8, 8)
    monkeypatch.setattr(type(adapter), 'missing', lambda self: [])
    with raises(
        where=f'precision of runtime {adapter.name}', got='fp7', allowed=adapter.precisions
    ):
        adapter.load(net, images, 'fp7')
    with raises(where=f'device of runtime {adapter.name}', got='tpu:0', allowed=adapter.devices):
        adapter.load(net, images, device='tpu:0')
    if 'int8' in adapter.precisions:
        with raises(where=f'runtime {adapter.name}', problem=contains('calibration')):
            adapter.load(net, images, 'int8')
    monkeypatch.setattr(type(adapter), 'missing', lambda self: list(self.packages))
    names = ' '.join(adapter.packages)
    with raises(where=f'runtime {adapter.name}', hint=f'pip install {names}'):
        adapter.load(net, images)
    assert adapter.version() is None


@pytest.mark.skipif(bool(RUNTIMES['openvino'].missing()), reason='needs OpenVINO')
def test_a_processor_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = RUNTIMES['openvino']
    monkeypatch.setattr('scalenas.deploy.openvino_runtime.computes_bf16', lambda: False)
    assert [each for each in adapter.precisions if adapter.lacking(each)] == ['bf16']
    with raises(where='precision of runtime openvino', got='bf16', allowed='fp32'):
        adapter.load(nn.ReLU(), torch.zeros(1, 3, 8, 8), 'bf16')


SIGNALS = """
import faulthandler, signal, subprocess
import torch
from torch import nn
from scalenas.deploy import runtime
faulthandler.enable()
heard = []
signal.signal(signal.SIGCHLD, lambda *_: heard.append(1))  # as a data loader with workers does
images = torch.zeros(1, 3, 8, 8)
for _ in range(3):
    sessions = [runtime('openvino').load(nn.Conv2d(3, 4, 3).eval(), images) for _ in range(2)]
    for session in sessions:
        session(images.numpy())
    subprocess.run(['true'], check=True)
del session, sessions
before = len(heard)
subprocess.run(['true'], check=True)
print(len(heard) - before)
"""


@pytest.mark.skipif(bool(RUNTIMES['openvino'].missing()), reason='needs OpenVINO')
def test_signals_arrive_after_models_of_openvino_are_gone() -> None:
    command = [sys.executable, '-c', SIGNALS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, '1\n'), done.stderr


def test_an_unknown_runtime() -> None:
    with raises(where='runtime', got='openvin', hint="did you mean 'openvino'?"):
        runtime('openvin')


@pytest.mark.parametrize(('adapter', 'precision'), usable()[:1] + usable()[-1:])
def test_images_of_another_size_or_type(adapter: Runtime, precision: str) -> None:
    session = adapter.load(nn.ReLU(), torch.zeros(1, 3, 8, 8), precision)
    for images in (np.zeros((1, 3, 8, 9), np.float32), np.zeros((1, 3, 8, 8))):
        with raises(where=contains(session.runtime), got=f'{images.dtype} {images.shape}'):
            session(images)


class Untraceable(nn.Module):
    """A Fourier transform: other runtimes know no such operator."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.fft.rfft(images).abs()


@pytest.mark.parametrize(
    ('adapter', 'precision'), [each for each in usable() if 'torch' not in each.id]
)
def test_an_operator_that_a_runtime_lacks(
    adapter: Runtime, precision: str, capfd: pytest.CaptureFixture[str]
) -> None:
    images = torch.rand(1, 3, 8, 8)
    with raises(where=f'runtime {adapter.name}'):
        adapter.load(Untraceable(), images, precision, calibration=[images])
    assert capfd.readouterr().out == ''


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is one')
def test_no_gpu() -> None:
    for adapter in RUNTIMES.values():
        if 'cuda' in adapter.devices and not adapter.missing():
            with raises(where=f'device of runtime {adapter.name}', got='cuda'):
                adapter.load(nn.ReLU(), torch.zeros(1, 3, 8, 8), device='cuda')


def test_fp32_is_not_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of convolutions on a GPU: what cuDNN may do while a network runs, and what it may after."""
    cudnn, seen = torch.backends.cudnn, []

    class Net(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(cudnn.allow_tf32)
            return images

    monkeypatch.setattr(cudnn, 'allow_tf32', True)
    session = runtime('torch').load(Net(), torch.zeros(1, 3, 8, 8))
    session(np.zeros((1, 3, 8, 8), np.float32))
    assert (seen, cudnn.allow_tf32) == ([False], True)


@pytest.mark.slow
def test_a_compiler_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs eager instead."""
    monkeypatch.setattr('torch._inductor.config.cpp.cxx', (None, '/no/such/g++'))
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Sigmoid()).eval()
    with raises(where='runtime torch_compiled', problem=contains('ompile')):
        runtime('torch_compiled').load(net, torch.zeros(1, 3, 11, 7))


@pytest.mark.slow
def test_compiled_on_a_cpu_the_weights_are_packed_once() -> None:
    from torch._dynamo.utils import counters
    from torch._inductor import config

    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)).eval()
    counters.clear()
    with config.patch(force_disable_caches=True):
        runtime('torch_compiled').load(net, torch.zeros(1, 3, 16, 16))
    assert counters['inductor']['mkldnn_conv_weight_pack_matcher_count'] == 2
    assert not config.freezing
