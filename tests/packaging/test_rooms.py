"""The package's one direction: who may look into whom, read from every import in the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / 'scalenas'

# Modules without a room of their own, which ask for nothing installed: open to everybody.
NEUTRAL = {
    'builtin_families',
    'errors',
    'family',
    'paths',
    'stacks',
    'staging',
    'version',
}

FREE_OF_TORCH = {
    'arch': set(),
    'complexity': {'arch'},
    'space': {'arch', 'complexity'},
    'latency': {'arch', 'complexity'},
    'scaling': {'arch', 'complexity', 'latency'},
    'sampling': {'arch', 'complexity', 'space'},
    'search': {'arch', 'complexity', 'latency', 'space', 'scaling'},
    'visualization': {'arch', 'complexity', 'latency', 'space', 'scaling', 'sampling', 'search'},
    'benchmarks': {'arch', 'complexity', 'space', 'search'},
    'datasets': set(),
}
WITH_TORCH = {
    'config': {'arch'},
    'models': {'arch', 'complexity', 'space'},
    'tasks': {'arch', 'complexity', 'space', 'config', 'models', 'datasets'},
    'training': {'arch', 'complexity', 'space', 'scaling', 'sampling', 'config', 'models', 'tasks'},
    'evaluation': {'arch', 'complexity', 'space', 'config', 'models', 'tasks', 'deploy'},
    'deploy': {'arch', 'complexity', 'latency', 'space', 'config', 'models', 'tasks'},
    'export': {'arch', 'complexity', 'space', 'config', 'models', 'tasks', 'deploy', 'evaluation'},
    'pose': {'arch', 'models'},
    'adoption': {
        *('complexity', 'space', 'search', 'config', 'models', 'tasks', 'training'),
        *('evaluation', 'export', 'visualization', 'pipeline', 'trained_alone'),
    },
}
ROOMS = {**FREE_OF_TORCH, **{room: {*seen, 'registry'} for room, seen in WITH_TORCH.items()}}
HEAVY = {
    *('torch', 'torchvision', 'mmengine', 'mmcv', 'mmseg', 'mmdet', 'mmpose', 'mmpretrain'),
    *('onnx', 'onnxruntime', 'openvino', 'ncnn', 'nncf'),
}
# Files of a light room that need a task package; only the registry imports them, when asked.
BRIDGES = {'datasets/mmseg_datasets.py', 'datasets/mmpretrain_datasets.py'}
# Not rooms: they may look everywhere.
LOBBY = {
    *('api', 'cli', 'commands', 'doctor', 'pipeline', 'rank_study', 'registry', 'searching'),
    *('search_scalars', 'trained_alone', 'utils'),
    *NEUTRAL,
}


def imported(source: str, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, also inside functions, relative ones resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            path = '.'.join([*base, *filter(None, [node.module])])
            # `from scalenas import search` names the room in the alias.
            for alias in node.names if path == 'scalenas' else node.names[:1]:
                yield node.lineno, f'{path}.{alias.name}' if path == 'scalenas' else path


def offences(source: str, room: str, package: tuple[str, ...]) -> list[str]:
    """What one file imports against the table."""
    found = []
    for line, name in imported(source, package):
        top, *rest = name.split('.')
        if top == 'scalenas' and rest and rest[0] not in {room, *ROOMS[room], *NEUTRAL}:
            if not rest[0].startswith('__'):
                found.append(f'line {line}: {room} may not look into {rest[0]}')
        elif room in FREE_OF_TORCH and top in HEAVY:
            found.append(f'line {line}: {room} works without {top}')
    return found


def rooms() -> list[str]:
    folders = (path.name for path in PACKAGE.iterdir() if (path / '__init__.py').is_file())
    return sorted(set(folders) - LOBBY)


def test_every_folder_of_the_package_is_a_room_of_the_table() -> None:
    assert set(rooms()) <= set(ROOMS)


def test_every_loose_module_is_known() -> None:
    assert {path.stem for path in PACKAGE.glob('*.py')} - {'__init__', '__main__'} <= LOBBY


@pytest.mark.parametrize('room', rooms())
def test_a_room_looks_only_where_the_table_lets_it(room: str) -> None:
    found = [
        f'{path.relative_to(ROOT)} {offence}'
        for path in sorted((PACKAGE / room).rglob('*.py'))
        if path.relative_to(PACKAGE).as_posix() not in BRIDGES
        for offence in offences(
            path.read_text(), room, ('scalenas', *path.parent.relative_to(PACKAGE).parts)
        )
    ]
    assert not found, '\n'.join(found)


def outside(source: str, package: tuple[str, ...] = ('scalenas',)) -> list[str]:
    """What a file imports of the repository that is not installed with the package."""
    beside = {path.name for path in ROOT.iterdir() if any(path.glob('*.py'))} - {PACKAGE.name}
    assert {'projects', 'tests', 'tools'} <= beside
    return [name for _, name in imported(source, package) if name.split('.')[0] in beside]


def test_the_package_imports_nothing_beside_it() -> None:
    files = [path for path in PACKAGE.rglob('*.py') if '.mim' not in path.parts]
    assert len(files) > 100
    assert [str(path) for path in files if outside(path.read_text())] == []


@pytest.mark.parametrize(
    'source', ['import projects.demo', 'from projects import zoo', 'def f():\n    import tests']
)
def test_an_import_of_what_is_not_installed_is_seen(source: str) -> None:
    assert len(outside(source)) == 1


@pytest.mark.parametrize('name', sorted(NEUTRAL))
def test_neutral_modules_need_nothing_installed(name: str) -> None:
    found = {path for _, path in imported((PACKAGE / f'{name}.py').read_text(), ('scalenas',))}
    ours = {path for path in found if path.split('.')[0] == 'scalenas'}
    # Errors are how a neutral module speaks to the user; families are named, and not imported.
    allowed = {'errors', 'family'} if name == 'builtin_families' else {'errors'}
    assert {path.split('.')[1] for path in ours} <= allowed
    assert {path.split('.')[0] for path in found - ours} <= set(sys.stdlib_module_names)


def test_the_registry_asks_for_mmengine_only() -> None:
    found = {name for _, name in imported((PACKAGE / 'registry.py').read_text(), ('scalenas',))}
    assert {name for name in found if name.split('.')[0] != 'mmengine'} == {'scalenas.stacks'}


@pytest.mark.parametrize(
    ('source', 'room'),
    [
        ('from scalenas.search import x', 'space'),
        ('import scalenas.models.hrnet', 'search'),
        ('from scalenas import evaluation', 'search'),
        ('from ..search import x', 'arch'),
        ('def f():\n    import torch', 'search'),
        ('from mmengine.registry import MODELS', 'sampling'),
    ],
)
def test_a_wrong_arrow_is_seen(source: str, room: str) -> None:
    assert len(offences(source, room, ('scalenas', room))) == 1


@pytest.mark.parametrize(
    ('source', 'room'),
    [
        ('from scalenas.arch import Arch', 'search'),
        ('from .gene import Gene', 'space'),
        ('from ..arch import Arch', 'space'),
        ('import torch', 'models'),
        ('from scalenas import __version__', 'arch'),
    ],
)
def test_a_right_arrow_passes(source: str, room: str) -> None:
    assert offences(source, room, ('scalenas', room)) == []


WITHOUT = """
import sys
import pytest

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f'no {name}', name=name)

sys.meta_path.insert(0, Absent())
sys.exit(pytest.main(['-m', 'fast', '--collect-only', '-qq', '-p', 'no:cacheprovider']))
"""


def test_the_fast_tests_need_nothing_of_torch() -> None:
    """`pytest -m fast` where none of it is installed: every module is read, some tests skip."""
    command = [sys.executable, '-c', WITHOUT, *sorted(HEAVY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert len(done.stdout.splitlines()) > 40, 'a line for each module'


@pytest.mark.parametrize('room', ['', *sorted(set(rooms()) & set(FREE_OF_TORCH))])
def test_importing_stays_light(room: str) -> None:
    """A laptop without torch can search; matplotlib waits until something is drawn."""
    heavy = sorted(HEAVY | {'matplotlib'})
    code = (
        f'import scalenas{"." + room if room else ""}, sys; '
        f'print([name for name in {heavy} if name in sys.modules])'
    )
    command = [sys.executable, '-c', code]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == '[]'
