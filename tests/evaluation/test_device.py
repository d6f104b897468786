"""One rule says which device a tool takes; there need be no GPU here to ask it."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path

import pytest
import torch

from scalenas.commands import COMMANDS, TOOL
from scalenas.errors import EvaluationError
from scalenas.evaluation import SubnetEvaluator, device
from scalenas.evaluation.device import choose_device
from scalenas.export import export_subnet

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.mark.parametrize('kind', ['cpu', 'cuda', 'mps'])
def test_without_a_name_it_is_that_of_training(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(device, 'get_device', lambda: kind)
    monkeypatch.setattr(device, 'print_log', lambda text, _: said.append(text))
    assert choose_device() == torch.device(kind)
    assert choose_device('cpu') == torch.device('cpu')
    assert [line.split()[1] for line in said] == [kind, 'cpu']


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, 'get_device', lambda: 'cpu')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    for name in ('cuda', 'cuda:7', 'cuda:00', 'cuda:1000', 'cuda:\u0663', 'mps', 'gpu', ''):
        with pytest.raises(EvaluationError):
            choose_device(name)


@pytest.mark.parametrize('function', [SubnetEvaluator.from_config, export_subnet])
def test_no_function_has_a_default_of_its_own(function: object) -> None:
    assert inspect.signature(function).parameters['device'].default is None  # type: ignore[arg-type]


@pytest.mark.parametrize('command', ['search', 'export'])
def test_nor_has_a_command(command: str) -> None:
    words = ['a', 'b', '--config', 'c'] if command == 'export' else ['a', 'b']
    assert COMMANDS[command].parser_of(command, TOOL).parse_args(words).device is None


@pytest.mark.parametrize(
    ('tool', 'given'),
    [
        ('rank_study', ['a', 'b']),
        ('benchmark_scaling', ['--out', 'x']),
    ],
)
def test_nor_has_a_tool(tool: str, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(f'of_{tool}', TOOLS / f'{tool}.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, 'argv', [tool, *given])
    assert module.parse_args().device is None
