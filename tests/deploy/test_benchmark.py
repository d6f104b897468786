"""tools/benchmark.py: tables, ties, refusals, what is kept; by a clock whose times are known."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from scalenas.arch import dump
from scalenas.deploy import Benchmark, RuntimeStopwatch, benchmark, runtime
from scalenas.deploy.memory import _peak, alone, peak_memory
from scalenas.deploy.nets import backbone, deployed_backbone, subject
from scalenas.errors import UserError
from scalenas.latency import Cache, LatencyTable
from scalenas.paths import file_digest
from tests.errors import contains, raises
from tests.processes import ROOT

from .lab import Lab, install, weights
from .test_timer import SMALL, SPACE

SIZE = (32, 64)
SETTING = ('--size', '32', '64', '--runtime', 'lab', '--no-memory')


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    return install(monkeypatch)


@pytest.fixture
def tool(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """The command in this process, where the clock is known; what it printed."""
    monkeypatch.chdir(tmp_path)
    for name, arch in (('small', SPACE.smallest()), ('large', SPACE.largest()), ('mb', SMALL)):
        (tmp_path / f'{name}.yaml').write_text(dump(arch))
    (tmp_path / 'card.json').write_text('{"metrics": {}}')

    def run(*args: object, code: int = 0) -> str:
        monkeypatch.setattr(sys, 'argv', ['benchmark.py', *map(str, args)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools/benchmark.py'), run_name='__main__')
        assert end.value.code == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return run


def test_networks_are_ranked_with_a_reliability(tool, lab: Lab, tmp_path: Path) -> None:
    said = tool('large.yaml', 'small.yaml', 'mb.yaml', *SETTING, '--rounds', 8, '--json', 'x.json')
    lines = said.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith('rank'))
    assert [line.split()[:2] for line in lines[head + 1 : head + 4]] == [
        *(['1', 'mb'], ['2', 'small'], ['3', 'large'])
    ]
    assert "split-half Kendall's tau 1.000 over 8 rounds" in lines
    assert re.fullmatch(
        r'lab [0-9.+a-z]+, fp32, cpu, threads 1, batch 1, wall clock', lines[head - 1]
    )
    (found,) = json.loads((tmp_path / 'x.json').read_text())
    assert found['reliability']['tau'] == 1.0
    for row, arch in zip(found['nets'], (SPACE.largest(), SPACE.smallest(), SMALL), strict=True):
        expected = 1e-3 * weights(deployed_backbone(arch, SIZE))
        assert row['ms'] == pytest.approx(expected)
        assert row['quartiles'] == pytest.approx([expected, expected])
        assert row['ratio'] == 1.0
        assert row['peak_bytes'] is None
        assert len(row['rounds_ms']) == 8
    assert [row['rank'] for row in found['nets']] == [3, 2, 1]
    assert found['setting']['threads'] == 1
    # The same command again measures nothing.
    runs = len(lab.runs)
    again = tool('large.yaml', 'small.yaml', 'mb.yaml', *SETTING, '--rounds', 8)
    assert len(lab.runs) == runs
    assert again.splitlines()[2:6] == lines[head : head + 4]
    assert again.startswith('8 of 8 rounds are there already')
    assert list((tmp_path / 'work_dirs/latency').glob('*.json'))


def noisy(lab: Lab, noise: float) -> None:
    rng = random.Random(0)
    lab.extra = (abs(rng.gauss(0, noise)) for _ in itertools.count())


def test_equal_networks_are_tied_and_noise_is_no_ranking(tool, lab: Lab, tmp_path: Path) -> None:
    for name in ('twin_a', 'twin_b'):
        (tmp_path / f'{name}.yaml').write_text(dump(SPACE.smallest().with_(in_channels=3)))
    other = SPACE.smallest().with_(stem=15)  # hardly another
    (tmp_path / 'twin_b.yaml').write_text(dump(other))
    lab.seconds = lambda net: 1e-2 if weights(net) < weights(large) else 3e-2
    large = deployed_backbone(SPACE.largest(), SIZE)
    noisy(lab, 1e-3)
    said = tool('twin_a.yaml', 'large.yaml', 'twin_b.yaml', *SETTING, '--rounds', 20)
    lines = [line.split() for line in said[said.index('\nrank') :].splitlines() if ' twin_' in line]
    ranks = {line[1]: line[0] for line in lines}
    assert ranks == {'twin_a': '1=', 'twin_b': '1='}
    assert '= tied' in said
    assert 'smallest significant difference: ' in said
    noisy(lab, 1e-1)
    said = tool('twin_a.yaml', 'twin_b.yaml', *SETTING, '--rounds', 20, '--seed', 1, '--batch', 2)
    assert 'no ranking: tau is below 0.5' in said
    rows = [line for line in said.splitlines() if ' twin_' in line and line.startswith('-')]
    assert len(rows) == 2


def test_few_rounds_tell_nothing_and_say_how_many_would(tool) -> None:
    said = tool('large.yaml', 'small.yaml', *SETTING, '--rounds', 4)
    assert 'of 2 networks none is separated in fewer than 6 rounds' in said
    assert 'tau' not in tool('large.yaml', *SETTING, '--rounds', 4)


def test_runtimes_are_compared_round_by_round(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / 'net.yaml').write_text(dump(SMALL))
    net = str(tmp_path / 'net.yaml')
    first, second = (RuntimeStopwatch('lab', threads=n) for n in (1, 2))
    by_threads = iter([1.0, 2.0])
    lab.seconds = lambda net: next(by_threads)
    one, other = benchmark([net], [first, second], None, Cache(tmp_path), 5, memory=False)
    assert (one.ratios, other.ratios) == ((1.0,), (2.0,))
    assert one.ranking is None
    assert isinstance(one, Benchmark)


def test_a_table_from_the_command_line(tool, tmp_path: Path) -> None:
    config = tmp_path / 'config.py'
    backbone = {'type': 'scalenas.SuperScaleHRNet', 'space': SPACE.to_dict()}
    config.write_text(f"model = dict(type='EncoderDecoder', backbone={backbone!r})")
    options = ('--size', 32, 32, '--runtime', 'lab', '--rounds', 4, '--whole', 6)
    said = tool('--units', config, *options, '--out', 'table.json')
    table = LatencyTable.from_file(tmp_path / 'table.json')
    assert f'{len(table.units)} units of hrnet networks' in said
    assert "Kendall's tau 1.000 with 3 whole networks" in said
    assert table.agreement is not None
    assert table.agreement.worst < 1e-6


@pytest.mark.parametrize(
    ('args', 'line'),
    [
        ((), 'networks: expected networks, or --units'),
        (('a.yaml', '--units', 'x'), 'networks: expected networks, or --units'),
        (('--units', 'scalenas_w32'), '--units and --out: go together'),
        (('none.yaml', *SETTING), 'none.yaml: no such file'),
        (('small.yaml', '--runtime', 'lab'), '--size: small has no size of its own'),
        (('small.yaml', '--size', 0, 3), '--size: '),
        (('small.yaml', '--size', 8, 8, '--runtime', 'onyx'), 'runtime: expected '),
        (('small.yaml', *SETTING, '--rounds', 0), '--rounds: '),
        (('small.yaml', *SETTING, '--threads', 0), '--threads: '),
        (('small.yaml', *SETTING, '--clock', 'processor', '--threads', 2), "clock 'processor': "),
        (('small.yaml', 'small.yaml', *SETTING), 'networks: two networks have one name'),
        (('small.yaml', '--size', 8, 8, '--measure', 'ssh x'), 'measure: expected a command in'),
        (('small.yaml', '--size', 8, 8, '--measure', 'exit 3; {net}'), 'measure: the command end'),
        (('small.yaml', *SETTING, '--timeout', 0), '--timeout: '),
        (('small.yaml', *SETTING, '--json', 'no/x.json'), 'no: no such folder'),
        (('none.onnx', '--size', 8, 8, '--runtime', 'onnxruntime'), 'none.onnx: '),
        (('none.py', '--size', 8, 8), 'none.py: '),
        (('small.yaml', *SETTING, '--device', 'cuda:999'), 'device of runtime lab: '),
        (('small.yaml', *SETTING, '--precision', 'fp7'), 'precision of runtime lab: '),
        (('small.yaml', *SETTING, '--least-tau', 'nan'), '--least-tau: '),
        (('small.yaml', *SETTING, '--measure', 'x {net}'), '--runtime: is not used with --measure'),
        (('--units', 'x', '--out', 't.json', '--json', 'x.json'), '--json: is not used with '),
        (('--units', 'x', '--out', 'table.txt'), '--out: expected NAME.json'),
        (('--units', 'x', '--out', 'no/t.json'), 'no: no such folder'),
        (('--units', 'x', '--out', 'card.json'), 'card.json: '),
    ],
)
def test_mistakes_are_one_line(tool, lab: Lab, args: tuple, line: str) -> None:
    said = tool(*args, code=2)
    assert said.startswith(f'error: {line}'), said
    assert len(said.splitlines()) == 1
    assert not lab.runs
    assert Path('card.json').read_text() == '{"metrics": {}}'


def test_a_time_of_zero_is_an_error_and_nothing_is_written(tool, lab: Lab, tmp_path: Path) -> None:
    lab.seconds = lambda net: 0.0
    said = tool('small.yaml', *SETTING, '--json', 'x.json', code=2)
    assert said.startswith('error: time of small')
    assert not (tmp_path / 'x.json').exists()


def test_an_export_is_timed_whole(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / 'exported').mkdir()
    backbone = {'type': 'scalenas.ScaleHRNet', 'arch': SPACE.smallest().to_dict()}
    head = {'type': 'FCNHead', 'in_channels': 8, 'channels': 8, 'num_classes': 19, 'in_index': 0}
    model = {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head}
    text = f"default_scope = 'mmseg'\nmodel = {model!r}\n"
    (tmp_path / 'exported/mine.py').write_text(text)
    with DefaultScope.overwrite_default_scope('mmseg'):
        whole = MODELS.build(model)
    torch.save({'state_dict': whole.state_dict()}, tmp_path / 'exported/mine.pth')
    chosen = subject(str(tmp_path / 'exported/mine.py'))
    made = chosen.make((64, 64))
    with torch.no_grad():
        (raw,) = made(torch.randn(1, 3, 64, 64))
    assert raw.shape[1] == 19, 'the head is there'
    assert weights(made) == weights(whole) > weights(whole.backbone)
    (found,) = benchmark(
        [str(tmp_path / 'exported/mine.pth')],
        [RuntimeStopwatch('lab')],
        (64, 64),
        Cache(tmp_path / 'cache'),
        4,
        memory=False,
    )
    assert found.times.spreads()[0].median == pytest.approx(1e-6 * weights(made))


def test_an_export_that_cannot_be_built_or_run(tmp_path: Path) -> None:
    torch.save({'state_dict': {}}, tmp_path / 'mine.pth')
    config = tmp_path / 'mine.py'
    for model in ({'type': 'Nothing'}, {'type': 'BaseDataPreprocessor', 'colour': 3}):
        config.write_text(f'model = {model!r}')
        with raises(UserError, where=f'{config}: model'):
            subject(str(config)).make((8, 8))
    alexnet = {'type': 'ImageClassifier', 'backbone': {'type': 'AlexNet'}}
    config.write_text(f"default_scope = 'mmpretrain'\nmodel = {alexnet!r}")
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        state = MODELS.build(alexnet).state_dict()
    torch.save({'state_dict': state}, tmp_path / 'mine.pth')
    with raises(UserError, where='--size', problem=contains('8x9')):
        subject(str(config)).make((8, 9))


@pytest.mark.parametrize('name', ['onnxruntime', 'openvino', 'torch'])
def test_a_graph_is_timed_where_the_runtime_takes_it(name: str, tmp_path: Path) -> None:
    from scalenas.deploy import onnx_graph

    if runtime(name).missing():
        pytest.skip(f'{name} is not installed')
    path, images = tmp_path / 'net.onnx', torch.randn(2, 3, 8, 12)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    path.write_bytes(onnx_graph(net, images))
    given = subject(str(path))
    if name == 'torch':
        with raises(UserError, where=path, hint=contains('onnxruntime')):
            runtime(name).load_file(path, (2, 3, 8, 12))
        return
    (out,) = runtime(name).load_file(path, (2, 3, 8, 12))(images.numpy())
    assert torch.allclose(torch.from_numpy(out), net(images), atol=1e-5)
    stopwatch = RuntimeStopwatch(name, batch=2, runs=1)
    with stopwatch.opened(given.make((8, 12)), (8, 12), 3) as visit:
        assert visit() > 0
    with raises(UserError, where=path, allowed=contains('(2, 3, 8, 16)')):
        runtime(name).load_file(path, (2, 3, 8, 16))


@pytest.mark.parametrize(
    'measured',
    # A process of its own is one that imports torch: nothing else differs.
    [_peak, pytest.param(peak_memory, marks=pytest.mark.slow)],
)
def test_peak_memory_has_the_weights_of_the_network(tmp_path: Path, measured: Callable) -> None:
    arch = SPACE.smallest().with_(stem=1024)
    (tmp_path / 'net.yaml').write_text(dump(arch))
    least = 4 * sum(p.numel() for p in backbone(arch, (32, 32)).parameters())
    found = measured(str(tmp_path / 'net.yaml'), (32, 32), RuntimeStopwatch())
    if found is None:
        pytest.skip('this system does not say')
    assert least < found < least + 2**28


def test_a_process_of_its_own() -> None:
    assert alone(math.sqrt, 9) == 3.0
    with raises(UserError, where='peak memory', hint=contains('--no-memory')):
        alone(os._exit, 9)
    with raises(UserError, where='none.yaml', problem=contains('no such file')):
        alone(file_digest, 'none.yaml')
