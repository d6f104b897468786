"""What a user may get wrong with the tools of a search: one line, exit 2, no file touched."""

from __future__ import annotations

import logging
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from scalenas.arch import dump
from tests.errors import check_fields, contains

from ..evaluation.world import archs, checkpoint, config, supernet, write_pictures

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('bad')
    write_pictures(path, {'train': 5, 'search': 3, 'test': 3})
    checkpoint(path / 'supernet.pth', supernet())
    config(path)
    (path / 'drawn.yaml').write_text(dump(archs(3)[2]))
    (path / 'notes.txt').write_text('a file')
    (path / 'broken.py').write_text('a = (')
    return path


def ended(
    monkeypatch: pytest.MonkeyPatch, tool: str, arguments: list[str]
) -> tuple[object, BaseException | None]:
    """A tool's `main` in this process, as its command line would call it.

    Gives the exit code, and the error behind it.
    """
    monkeypatch.setattr(sys, 'argv', [f'tools/{tool}.py', *arguments])
    monkeypatch.setattr(logging, 'basicConfig', lambda **_: None)
    # mmengine's logger may be that of an earlier test, whose captured stream is closed.
    monkeypatch.setattr(logging, 'raiseExceptions', False)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / f'tools/{tool}.py'), run_name='__main__')
    return end.value.code, end.value.__context__


def run(monkeypatch: pytest.MonkeyPatch, tool: str, arguments: list[str]) -> object:
    """As `ended`: the exit code alone."""
    return ended(monkeypatch, tool, arguments)[0]


def command(tool: str, given: dict[str, str], options: list[str]) -> list[str]:
    """A tool's arguments; `{}` is the world's folder."""
    names = {
        'config': '{}/supernet.py',
        'checkpoint': '{}/supernet.pth',
        'source': '{}/drawn.yaml',
        'out': '{}/out',
        **given,
    }
    changes = [option for option in options if not option.startswith('--')]
    flags = [word for option in options if option.startswith('--') for word in option.split()]
    if changes:
        flags += ['--cfg-options', *changes]
    if tool == 'search':
        return [names['config'], names['checkpoint'], '--work-dir', names['out'], *flags]
    where = ['--config', names['config'], '--out', names['out']]
    return [names['source'], names['checkpoint'], *where, *flags]


BOTH: list[tuple[dict[str, str], list[str], dict[str, Any]]] = [
    ({'config': '{}/nowhere.py'}, [], {'where': '{}/nowhere.py', 'problem': 'no such config'}),
    ({'config': '{}/notes.txt'}, [], {'where': '{}/notes.txt', 'got': '.txt'}),
    ({'config': '{}/broken.py'}, [], {'where': '{}/broken.py', 'problem': contains('python')}),
    (
        {},
        ['modle.type=X'],
        {'where': '--cfg-options', 'got': 'modle', 'hint': contains("'model'")},
    ),
    (
        {},
        ['model.backbone.norm_evl=True'],
        {
            'where': 'model.backbone (scalenas.SuperScaleHRNet)',
            'got': 'norm_evl',
            'hint': contains("'norm_eval'"),
        },
    ),
    (
        {},
        ['model.decode_head.num_clases=3'],
        {
            'where': 'model.decode_head (FCNHead)',
            'got': 'num_clases',
            'hint': contains("'num_classes'"),
        },
    ),
    (
        {},
        ['calibration_dataloader.dataset.spred=3'],
        {'where': 'calibration_dataloader.dataset (BaseSegDataset)', 'got': 'spred'},
    ),
    ({}, ['model.type=EncoderDecodr'], {'where': 'model.type', 'got': 'EncoderDecodr'}),
    (
        {},
        ['calibration_dataloader=None'],
        {'where': 'calibration_dataloader', 'problem': 'is missing'},
    ),
    (
        {'checkpoint': '{}/none.pth'},
        [],
        {'where': contains('none.pth'), 'problem': 'no such file'},
    ),
    ({'checkpoint': '{}/notes.txt'}, [], {'where': '{}/notes.txt', 'got': b'a file'}),
    ({'out': '{}/notes.txt'}, [], {'where': '{}/notes.txt', 'problem': contains('folder')}),
    ({'out': '/proc/zz'}, [], {'where': '/proc/zz', 'problem': contains('cannot be made')}),
    ({}, ['--device gpu'], {'where': 'device', 'got': 'gpu'}),
]
SEARCH: list[tuple[dict[str, str], list[str], dict[str, Any]]] = [
    ({}, ['val_evaluator.type=IoUMetrc'], {'where': 'val_evaluator.type', 'got': 'IoUMetrc'}),
    ({}, ['--storage /proc/zz/study.db'], {'where': '/proc/zz'}),
    ({}, ['--storage {}/study.txt'], {'where': 'storage {}/study.txt'}),
    ({}, ['search_dataloader=None'], {'where': 'search_dataloader', 'problem': 'is missing'}),
]
EXPORT: list[tuple[dict[str, str], list[str], dict[str, Any]]] = [
    ({}, ['test_evaluator.type=IoUMetrc'], {'where': 'test_evaluator.type', 'got': 'IoUMetrc'}),
    ({'source': 'nowhere'}, [], {'where': 'nowhere'}),
    ({}, ['search.size=64'], {'where': 'search.size', 'got': 64}),
    ({}, ['search.size=(64,0)'], {'where': 'search.size', 'got': (64, 0)}),
    ({}, ['search=None'], {'where': 'search.size'}),
    ({}, ['search=mIoU'], {'where': 'search', 'got': 'mIoU'}),
]
CASES = [('search', *case) for case in BOTH + SEARCH] + [
    ('export', *case) for case in BOTH + EXPORT
]


@pytest.mark.parametrize(('tool', 'given', 'options', 'fields'), CASES)
def test_a_mistake_is_one_line_and_touches_no_file(
    tool: str,
    given: dict[str, str],
    options: list[str],
    fields: dict[str, Any],
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    before = files(world)
    arguments = [word.replace('{}', str(world)) for word in command(tool, given, options)]
    code, error = ended(monkeypatch, tool, arguments)
    assert code == 2
    if isinstance(where := fields.get('where'), str):
        fields = {**fields, 'where': where.replace('{}', str(world))}
    check_fields(error, **fields)
    said = capsys.readouterr().err
    errors = [text for text in said.splitlines() if text.startswith('error: ')]
    assert errors == [f'error: {error}']
    assert 'Traceback' not in said
    assert files(world) == before


@pytest.mark.parametrize('tool', ['search', 'export', 'rank_study'])
@pytest.mark.parametrize(
    ('option', 'line'),
    [
        ('nothing', "error: argument --cfg-options: expected KEY=VALUE, got 'nothing'"),
        ('search.seed=[a', "error: argument --cfg-options: brackets do not match in 'search.s"),
    ],
)
def test_options_that_are_none(
    tool: str,
    option: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = command('export' if tool == 'export' else 'search', {}, [option])
    assert run(monkeypatch, tool, arguments) == 2
    assert line in capsys.readouterr().err


B0, NINE = ('efficientnet_b0',), ('--max', 'ms=9')
FAST = (*B0, 'fast')
SINGLE = [
    ('info', ['nowhere'], 'nowhere'),
    ('info', ['nowhere.yaml'], 'no such file'),
    ('info', ['scalenas_s1', '--size', '0', '5'], '--size: expected two numbers >= 1'),
    ('info', ['scalenas_s1', '--head', 'segg'], 'segg'),
    ('info', ['nowhere.py'], 'nowhere.py: no such config'),
    ('info', ['broken.py'], 'broken.py: not python'),
    ('info', ['supernet.py', '--subnet', 'smallest', '--head', 'seg'], 'seg'),
    ('info', ['supernet.py', '--draw', 'net.bmp2'], "got '.bmp2'"),
    ('scale', [*FAST, *NINE], 'give --latency-model FILE or --measure DEVICE'),
    ('scale', [*FAST, '--measure', 'cpu'], '--measure: is not used; give --max ms=20'),
    ('scale', [*FAST, *NINE, '--latency-model', 'none.yaml'], 'none.yaml: no such file'),
    ('scale', [*FAST, *NINE, '--latency-model', 'drawn.yaml'], 'drawn.yaml: unknown key; '),
    ('scale', [*FAST, *NINE, '--measure', 'gpu'], 'device: expected cpu, cuda or cuda:N'),
    (
        'scale',
        [*FAST, *NINE, '--measure', 'cpu', '--batch', '0'],
        '--batch: expected a whole number >= 1 ',
    ),
    (
        'scale',
        [*FAST, '--factor', '2', '--threads', '2'],
        '--threads: expected a whole number >= 1 with',
    ),
    (
        'scale',
        [*FAST, '--max', 'ms=-1', '--measure', 'cpu'],
        'budget.ms: expected a finite number >= 0',
    ),
    ('benchmark_scaling', ['--out', '{}/notes.txt'], 'notes.txt: cannot be a folder'),
    ('benchmark_scaling', ['--out', 'o', '--bases', 'efficientnet'], "'efficientnet'"),
    ('benchmark_scaling', ['--out', 'o', '--bases', 'scalenas_s1'], '--side: '),
    ('benchmark_scaling', ['--out', 'o', '--strategies', 'fsat'], "'fsat'; did you mean 'fast'"),
    ('benchmark_scaling', ['--out', 'o', '--bases', *B0, *B0], 'two bases have one name'),
    ('benchmark_scaling', ['--out', 'o', '--device', 'gpu'], 'device: expected cpu'),
    ('benchmark_scaling', ['--out', 'o', '--batch', '0'], '--batch: expected a whole number >= 1'),
    ('benchmark_scaling', ['--out', 'o', '--max-factor', '1'], 'expected a number >= 2'),
    ('get_demo_data', ['scenes', '--out', '{}/notes.txt'], 'notes.txt'),
]


@pytest.mark.parametrize(('tool', 'words', 'line'), SINGLE)
def test_so_it_is_with_the_other_tools(
    tool: str,
    words: list[str],
    line: str,
    world: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world)
    before = files(world)
    assert run(monkeypatch, tool, [word.replace('{}', str(world)) for word in words]) == 2
    said = capsys.readouterr().err
    errors = [text for text in said.splitlines() if text.startswith('error: ')]
    assert len(errors) == 1
    assert line in errors[0]
    assert 'Traceback' not in said
    assert files(world) == before


def files(folder: Path) -> dict[str, bytes]:
    """Content of all files, by path."""
    return {str(path): path.read_bytes() for path in folder.rglob('*') if path.is_file()}
