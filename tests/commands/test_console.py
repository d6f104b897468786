"""The command `scalenas`: its table, help without torch, exit codes, the tools that start it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scalenas import __version__, list_archs
from scalenas.arch import named
from scalenas.commands import COMMANDS, CONSOLE, TOOL
from scalenas.commands.info import under_head
from scalenas.commands.training import LAUNCHERS
from scalenas.complexity import Counter

ROOT = Path(__file__).resolve().parents[2]

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition('.')[0]
        if top in ('torch', 'torchvision', 'cv2', 'onnx') or top.startswith('mm'):
            raise ModuleNotFoundError(f'no {name}', name=name)

sys.meta_path.insert(0, Absent())
from scalenas.commands import COMMANDS, console
for name in sys.argv[1:]:
    sys.argv = ['scalenas', *([name] if name else []), '--help']
    try:
        console()
    except SystemExit as end:
        loaded = {'numpy', 'optuna', 'matplotlib', 'argcomplete'} & {*sys.modules}
        print('LOADED', *sorted(loaded))
        print('END', name, end.code)
"""
"""Helps, one after the other, where none of torch and of OpenMMLab can be imported."""


def scalenas(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-m', 'scalenas', *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope='module')
def helps() -> dict[str, str]:
    """Help of `scalenas`, under the name '', and of each command, made without torch."""
    command = [sys.executable, '-c', WITHOUT, '', *COMMANDS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = re.split(r'^END (\w*) ?0$', done.stdout, flags=re.M)
    return dict(zip(parts[1::2], parts[0::2], strict=False))


def test_the_list_of_commands_is_there_at_once(helps: dict[str, str]) -> None:
    assert helps[''].splitlines()[-1].split() == ['LOADED'], 'nothing that takes its time'


def test_every_command_has_help_without_torch(helps: dict[str, str]) -> None:
    assert [*helps] == ['', *COMMANDS]
    for name in COMMANDS:
        assert f'usage: scalenas {name} ' in helps[name]
        assert re.search(rf'^ +{name} ', helps[''], re.M), 'listed in the help of scalenas'


@pytest.mark.parametrize('name', COMMANDS)
def test_the_tool_of_a_command_is_the_command(name: str) -> None:
    """Where there is one: same options, and examples as they are given to it."""
    path = ROOT / f'tools/{name}.py'
    assert path.is_file() or name not in ('train', 'test', 'search', 'export', 'transfer', 'info')
    if path.is_file():
        assert len(path.read_text().splitlines()) <= 12
        assert f"tool('{name}')" in path.read_text()
    console, tool = (COMMANDS[name].parser_of(name, form) for form in (CONSOLE, TOOL))
    assert tool.prog == f'tools/{name}.py'
    assert f'scalenas {name}' not in tool.format_help()
    options = [[action.option_strings for action in each._actions] for each in (console, tool)]
    assert options[0] == options[1]


def test_a_new_command_is_an_entry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what its main returns is the exit code."""
    from scalenas import commands

    (tmp_path / 'our_command.py').write_text(
        'import argparse\n'
        'def parser():\n'
        "    made = argparse.ArgumentParser(description='scalenas ours')\n"
        "    made.add_argument('code', type=int)\n"
        '    return made\n'
        'def main(args):\n'
        "    print(args.form.format('train'), args.words)\n"
        '    return args.code\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        commands, 'COMMANDS', {**COMMANDS, 'ours': commands.Command('own', 'our_command')}
    )
    for code in (0, 7):
        monkeypatch.setattr(sys, 'argv', ['scalenas', 'ours', str(code)])
        with pytest.raises(SystemExit) as end:
            commands.console()
        assert end.value.code == code
        assert capsys.readouterr().out == f"scalenas train ['{code}']\n"


@pytest.mark.parametrize(
    ('words', 'code'),
    [
        (('--version',), 0),
        ((), 2),
        (('serach',), 2),
        (('info',), 2),
        (('info', 'no_such_net'), 2),
        (('zoo', 'scalenas_s1'), 0),
    ],
)
def test_exit_codes(words: tuple[str, ...], code: int) -> None:
    done = scalenas(*words)
    assert done.returncode == code, done.stderr
    assert 'Traceback' not in done.stderr
    if words == ('--version',):
        assert done.stdout.split() == ['scalenas', __version__]


def test_the_zoo_says_what_each_network_costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from scalenas.commands import run

    assert run('zoo', ['*w32*'], CONSOLE) is None
    _, _, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == list_archs('*w32*')
    assert len(rows) > 1
    for name, *_, text, macs, params, acts in rows:
        arch, size, layers, said = under_head(named(name))
        cost = Counter(size, layers)(arch)
        assert text == said
        assert float(macs) == pytest.approx(cost['macs'] / 1e9, abs=6e-4)
        assert float(params) == pytest.approx(cost['params'] / 1e6, abs=6e-4)
        assert float(acts) == pytest.approx(cost['acts'] / 1e6, abs=6e-4)


def test_a_reader_that_has_enough_is_no_fault() -> None:
    """`scalenas zoo | head`"""
    command = [sys.executable, '-m', 'scalenas', 'zoo', 'resnet*']
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b''
    assert process.returncode == 128 + signal.SIGPIPE


def test_launchers_are_those_that_a_training_knows() -> None:
    options = pytest.importorskip('scalenas.training.options')
    assert ('none', *options.STARTED_BY) == LAUNCHERS


def test_the_page_lists_every_command() -> None:
    page = (ROOT / 'docs/commands.md').read_text()
    rows = [line for line in page.splitlines() if line.startswith('| `scalenas ')]
    assert rows == [f'| `scalenas {name}` | {each.help} |' for name, each in COMMANDS.items()]


def test_commands_of_the_docs_are_accepted() -> None:
    pages = [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]
    blocks = [b for page in pages for b in re.findall(r'```bash\n(.*?)```', page.read_text(), re.S)]
    seen = set()
    for line in '\n'.join(blocks).replace('\\\n', ' ').splitlines():
        if not re.match(r'(python -m )?scalenas ', line):
            continue
        words = shlex.split(line, comments=True)
        name, *options = words[words.index('scalenas') + 1 :]
        COMMANDS[name].parser_of(name, CONSOLE).parse_args(options)
        seen.add(name)
    assert {'zoo', 'info', 'search', 'export'} <= seen


@pytest.mark.parametrize(
    ('line', 'offered'),
    [
        ('scalenas se', {'search'}),
        ('scalenas info --spa', {'--space'}),
        ('scalenas train --launcher ', {*LAUNCHERS}),
        ('scalenas zoo scalenas_s', {*list_archs('scalenas_s*')}),
    ],
)
def test_shells_complete(line: str, offered: set[str], tmp_path: Path) -> None:
    """As argcomplete's shell function asks."""
    pytest.importorskip('argcomplete')
    answer = tmp_path / 'answer'
    asked = {
        '_ARGCOMPLETE': '1',
        '_ARGCOMPLETE_IFS': '\n',
        '_ARGCOMPLETE_STDOUT_FILENAME': str(answer),
        'COMP_LINE': line,
        'COMP_POINT': str(len(line)),
    }
    command = [sys.executable, '-m', 'scalenas']
    subprocess.run(command, cwd=ROOT, env={**os.environ, **asked}, check=True)
    assert {word.strip() for word in answer.read_text().splitlines()} == offered
