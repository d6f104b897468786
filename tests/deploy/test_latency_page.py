"""docs/latency.md: its commands run, with small sizes, few rounds and devices that are here."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from scalenas.arch import dump
from scalenas.deploy import onnx_graph, stopwatch, subject
from scalenas.latency import LatencyTable
from scalenas.search import SearchPlan
from scalenas.space import named
from tests.processes import ROOT

from .lab import Lab, install
from .test_timer import SMALL, SPACE

PAGE = (ROOT / 'docs/latency.md').read_text()
COMMANDS = [
    line
    for text in re.findall(r'```bash\n(.*?)```', PAGE, re.S)
    for line in text.splitlines()
    if line.startswith('python tools/')
]
ANSWER = f'{sys.executable} -c \'print("{{\\"ms\\": 3}}")\''


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    return install(monkeypatch)


def shrunk(line: str) -> list[str]:
    """The words of a command with small numbers, in runtimes of known times or on this machine."""
    line = re.sub(r'--size \d+ \d+', '--size 32 32', line)
    line = re.sub(r'--rounds \d+', '', line)
    words = shlex.split(line)[1:]
    for i, word in enumerate(words):
        if word.startswith('adb shell'):
            words[i] = f'{ANSWER} {{net}} {{height}} {{width}}'
    if 'benchmark.py' in words[0]:
        words += ['--rounds', '4', '--runs', '1', '--no-memory']
    if '--units' in words or 'hrnet_w32' in words:
        at = words.index('--runtime') + 1
        words[at : at + 1 + (words[at + 1 : at + 2] == ['torch'])] = ['lab']
    if '--units' in words:
        words += ['--whole', '4']
    return words


@pytest.mark.parametrize('line', COMMANDS, ids=lambda line: line[7:50])
def test_a_command_of_the_page(
    line: str,
    lab: Lab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('scalenas.cli.TIMED_RUNS', 2)
    words = shrunk(line)
    if '--latency-model' in line:
        words[words.index('ms=12')] = 'ms=1e9'
        one_network(tmp_path / 'table.json')
    if '--units' in line:
        words[words.index('--units') + 1] = 'config.py'
        backbone = {'type': 'scalenas.SuperScaleHRNet', 'space': SPACE.to_dict()}
        text = f"model = dict(type='EncoderDecoder', backbone={backbone!r})\n"
        (tmp_path / 'config.py').write_text(text)
    if 'exported/' in line:
        exported(tmp_path / 'exported')
        monkeypatch.setitem(stopwatch.CLOCKS, 'wall', time.perf_counter)
    if 'adb' in line:  # small networks of these names: what a command times is not asked
        for name in ('efficientnet_b0', 'regnety_400mf'):
            words[words.index(name)] += '.yaml'
            (tmp_path / f'{name}.yaml').write_text(dump(SMALL))
    if 'scale.py' in line:
        words[words.index('ms=20')] = 'ms=1e9'
        at = words.index('--measure')
        words[at:] = ['--measure', 'cpu', '--runtime', 'lab', '--max', 'macs=4e8']
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / words[0]), run_name='__main__')
    said = capsys.readouterr()
    assert end.value.code == 0, said.err
    if '--units' in line:
        assert "Kendall's tau 1.000 with 2 whole networks" in said.out
        assert LatencyTable.from_file(tmp_path / 'table.json').agreement is not None
    elif 'adb' in line:
        assert re.search(r'efficientnet_b0 +3 ', said.out)
    elif 'benchmark.py' in line:
        assert "split-half Kendall's tau" in said.out


def one_network(path: Path) -> None:
    """A table of the units of one network."""
    from scalenas.arch import named as net
    from scalenas.latency import Spread, options_of, unit_key, units_of

    arch = net('scalenas_s1')
    units = {unit_key(unit): Spread(1.0, 1.0, 1.0) for _, unit in units_of(arch, (32, 32))}
    LatencyTable({'runtime': 'none'}, 'hrnet', options_of(arch), units).write(path)


def exported(folder: Path) -> None:
    folder.mkdir()
    backbone = {'type': 'scalenas.ScaleHRNet', 'arch': SPACE.smallest().to_dict()}
    head = {'type': 'FCNHead', 'in_channels': 8, 'channels': 8, 'num_classes': 3, 'in_index': 0}
    model = {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head}
    (folder / 'mine.py').write_text(f"default_scope = 'mmseg'\nmodel = {model!r}\n")
    with DefaultScope.overwrite_default_scope('mmseg'):
        torch.save({'state_dict': MODELS.build(model).state_dict()}, folder / 'mine.pth')
    net = subject(str(folder / 'mine.py')).make((32, 32))
    (folder / 'mine.onnx').write_bytes(onnx_graph(net, torch.zeros(1, 3, 32, 32)))


def test_the_search_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [b for b in re.findall(r'```python\n(.*?)```', PAGE, re.S) if 'LatencyTable' in b]
    monkeypatch.chdir(tmp_path)
    one_network(tmp_path / 'table.json')
    plan = SearchPlan.from_dict(Config.fromstring(block, '.py').search)
    assert plan.objectives.names == ('mIoU', 'ms')
    assert plan.budget.most('ms') == 12
    assert isinstance(plan.columns['ms'], LatencyTable)


def test_the_numbers_of_the_page() -> None:
    from scalenas.deploy.units import space_units

    assert f'W32 at one size has {len(space_units(named("scalenas_w32"), (64, 64)))}' in PAGE
    assert f'base space {len(space_units(named("scalenet_base"), None))}' in PAGE
