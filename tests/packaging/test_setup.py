"""What pip makes of the checkout: neutral metadata, and `.mim` in every kind of installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    *('.git', '.*_cache', '__pycache__', '.hypothesis', '.mim', 'build', 'dist', '*.egg-info'),
    *('work_dirs', 'data'),
)
SHIPPED = ('configs', 'tools', 'model_zoo', 'model-index.yml')
MIM_TOOLS = 'scalenas/.mim/tools/'
FAMILY = re.compile(r'mm[a-z]|onedl|torch')


def pip(*arguments: object, python: object = sys.executable) -> None:
    command = [str(python), '-m', 'pip', *map(str, arguments)]
    offline = ['--no-deps', '--no-build-isolation', '--no-index', '--disable-pip-version-check']
    done = subprocess.run([*command, *offline], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope='module')
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: building leaves build/ and scalenas.egg-info behind."""
    copy = tmp_path_factory.mktemp('build') / 'checkout'
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    (copy / 'configs' / '_base_').mkdir(parents=True, exist_ok=True)
    (copy / 'configs' / '_base_' / 'probe.py').write_text("default_scope = 'mmseg'\n")
    return copy


@pytest.fixture(scope='module')
def wheel(checkout: Path) -> Iterator[zipfile.ZipFile]:
    pip('wheel', '-w', checkout.parent / 'wheels', checkout)
    (path,) = (checkout.parent / 'wheels').glob('scalenas-*.whl')
    with zipfile.ZipFile(path) as archive:
        yield archive


def metadata(wheel: zipfile.ZipFile) -> dict[str, list[str]]:
    (name,) = (name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    message = message_from_string(wheel.read(name).decode())
    return {key: message.get_all(key, []) for key in message}


def test_no_requirement_belongs_to_a_family(wheel: zipfile.ZipFile) -> None:
    required = [line for line in metadata(wheel)['Requires-Dist'] if 'extra ==' not in line]
    assert required
    assert not [line for line in required if FAMILY.match(line.lower())]


def test_the_extras_are_two_families_that_never_meet_and_neutral_tests(
    wheel: zipfile.ZipFile,
) -> None:
    found = metadata(wheel)
    extras = ('onedl', 'mim', 'deploy', 'completion', 'predictor', 'report', 'weights', 'tests')
    assert set(found['Provides-Extra']) == {*extras}
    by_extra: dict[str, list[str]] = {name: [] for name in extras}
    for line in found['Requires-Dist']:
        extra = re.search(r'extra == [\'"](\w+)', line)
        if extra:
            by_extra[extra[1]].append(line)
    assert all(line.startswith('onedl-') for line in by_extra['onedl'])
    assert all(line.startswith('mm') for line in by_extra['mim'])
    neutral = [line for name in extras[2:] for line in by_extra[name]]
    assert not [line for line in neutral if FAMILY.match(line.lower())]
    assert not [line for line in found['Requires-Dist'] if line.startswith('mmpose')]


def test_version_license_and_python(wheel: zipfile.ZipFile) -> None:
    scope: dict[str, str] = {}
    exec((ROOT / 'scalenas' / 'version.py').read_text(), scope)
    found = metadata(wheel)
    assert found['Version'] == [scope['__version__']]
    assert found['Requires-Python'] == ['>=3.11']
    assert [name for name in wheel.namelist() if name.endswith('licenses/LICENSE')]


def test_the_wheel_carries_what_tools_and_zoo_need(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert 'scalenas/.mim/configs/_base_/probe.py' in names
    assert 'scalenas/.mim/tools/doctor.py' in names
    assert 'scalenas/py.typed' in names
    shipped = [*(ROOT / 'model_zoo').rglob('*.yaml'), *(ROOT / 'configs').rglob('*.yml')]
    for path in [*shipped, *(ROOT / 'configs').rglob('*.py'), ROOT / 'model-index.yml']:
        assert f'scalenas/.mim/{path.relative_to(ROOT).as_posix()}' in names
    package = ROOT / 'scalenas'
    files = ('*.py', 'page.*', 'hr_scenes*')
    for path in [path for name in files for path in package.rglob(name)]:
        if not {'.mim', '__pycache__'} & {*path.parts}:
            assert path.relative_to(ROOT).as_posix() in names


def test_the_wheel_brings_one_top_level_package_and_no_checkout_tools(
    wheel: zipfile.ZipFile,
) -> None:
    names = wheel.namelist()
    tops = {name.split('/')[0] for name in names if '.dist-info/' not in name}
    assert tops == {'scalenas'}
    assert not [name for name in names if '__pycache__' in name]
    tools = {path.removeprefix(MIM_TOOLS) for path in names if path.startswith(MIM_TOOLS)}
    ours = {path.relative_to(ROOT / 'tools').as_posix() for path in (ROOT / 'tools').rglob('*.py')}
    left_out = {'bootstrap.py', 'demo.py', 'get_demo_data.py', 'zoo_tables.py'}
    assert {name for name in tools if name.endswith('.py')} == ours - left_out


def test_a_tool_of_the_wheel_needs_nothing_but_the_package(wheel: zipfile.ZipFile) -> None:
    tools = [name for name in wheel.namelist() if re.fullmatch(rf'{MIM_TOOLS}.*\.py', name)]
    assert len(tools) > 10
    for name in tools:
        assert 'projects' not in re.findall(
            r'^\s*(?:from|import) (\w+)', wheel.read(name).decode(), re.M
        )


def test_the_wheel_has_no_demo(wheel: zipfile.ZipFile) -> None:
    """Nor its data, nor what writes the pages of the zoo, nor the environment's builder."""
    shown = {path.name for path in (ROOT / 'projects').rglob('*.py')} - {'__init__.py'}
    assert {'earth.py', 'finetuning.py', 'published.py', 'build.py'} <= shown
    # Names that the package has, too, for something else.
    shown -= {path.name for path in (ROOT / 'scalenas').rglob('*.py')}
    assert len(shown) > 20
    assert not [name for name in wheel.namelist() if name.split('/')[-1] in shown]


def test_building_a_wheel_leaves_no_mim_in_the_checkout(
    checkout: Path, wheel: zipfile.ZipFile
) -> None:
    assert wheel.namelist()
    assert (
        not (checkout / 'scalenas' / '.mim').is_dir()
        or (checkout / 'scalenas' / '.mim' / 'tools').is_symlink()
    )


def test_an_installed_wheel_finds_its_zoo(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site = tmp_path / 'site'
    wheel.extractall(site)
    (site / 'model_zoo').mkdir()  # a foreign folder of that name in site-packages is not ours
    code = "from scalenas.paths import resource; print(resource('model_zoo'))"
    command = [sys.executable, '-c', code]
    done = subprocess.run(
        command, cwd=site, capture_output=True, text=True, check=True, env={'PYTHONPATH': str(site)}
    )
    assert done.stdout.strip() == str(site / 'scalenas' / '.mim' / 'model_zoo')


def test_an_sdist_makes_the_same_wheel(
    checkout: Path, wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    command = [sys.executable, 'setup.py', '-q', 'sdist', '-d', str(tmp_path)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    (path,) = tmp_path.glob('scalenas-*.tar.gz')
    shutil.unpack_archive(path, tmp_path)  # takes no filter: Python 3.11.2 has none
    (source,) = (folder for folder in tmp_path.iterdir() if folder.is_dir())
    assert (source / 'requirements' / 'constraints.txt').is_file()
    pip('wheel', '-w', tmp_path / 'wheels', source)
    (again,) = (tmp_path / 'wheels').glob('scalenas-*.whl')
    with zipfile.ZipFile(again) as archive_again:
        assert set(archive_again.namelist()) == set(wheel.namelist())


def environment(home: Path) -> Path:
    """The Python of a new virtual environment that sees the packages of this one."""
    venv = [sys.executable, '-m', 'venv', '--system-site-packages', '--without-pip', str(home)]
    subprocess.run(venv, check=True)
    # A venv made inside a venv sees the first Python's packages, not those of the venv between.
    (site,) = (home / 'lib').glob('python*/site-packages')
    (site / 'outer.pth').write_text(f'{Path(pytest.__file__).parents[1]}\n')
    return home / 'bin' / 'python'


@pytest.fixture(scope='module')
def installed(checkout: Path, wheel: zipfile.ZipFile) -> Path:
    """The Python of an environment with the wheel in it."""
    python = environment(checkout.parent / 'wheel-venv')
    pip('install', wheel.filename, python=python)
    return python


@pytest.fixture(scope='module')
def editable(checkout: Path) -> tuple[Path, Path]:
    """The checkout and the Python of a virtual environment with `pip install -e checkout`."""
    python = environment(checkout.parent / 'venv')
    pip('install', '-e', checkout, python=python)
    return checkout, python


def test_an_installation_brings_the_command(installed: Path, tmp_path: Path) -> None:
    command = [installed.with_name('scalenas'), 'zoo', 'scalenas_s1']
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={'PATH': ''}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[:2] == ['scalenas_s1', 'hrnet']


def test_an_editable_installation_links_mim(editable: tuple[Path, Path]) -> None:
    checkout, _ = editable
    mim = checkout / 'scalenas' / '.mim'
    assert {path.name for path in mim.iterdir()} == set(SHIPPED)
    assert all(path.is_symlink() for path in mim.iterdir())
    assert (mim / 'configs' / '_base_' / 'probe.py').is_file()


def test_a_checkout_on_the_path_links_it_too() -> None:
    """What is committed is what an editable installation makes."""
    mim = ROOT / 'scalenas' / '.mim'
    assert {path.name for path in mim.iterdir()} == set(SHIPPED)
    for path in mim.iterdir():
        assert path.resolve() == ROOT / path.name


def run(python: Path, code: str, folder: Path) -> str:
    """What a program prints that finds the package where it is installed, and only there."""
    command = [python, '-W', 'ignore', '-c', code]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={'PATH': ''}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_an_editable_installation_is_the_checkout(
    editable: tuple[Path, Path], tmp_path: Path
) -> None:
    checkout, python = editable
    code = (
        'import scalenas; from scalenas.paths import resource; '
        "print(scalenas.__path__[0]); print(resource('model_zoo'))"
    )
    found = run(python, code, tmp_path).split()
    assert found == [str(checkout / 'scalenas'), str(checkout / 'model_zoo')]


INHERITS = """
import scalenas.registry
from mmengine.config import Config
from mmengine.hub import get_config
print(Config.fromfile('probing.py').default_scope)
mine = Config.fromfile('mine.py')
theirs = get_config('scalenas::{name}')
print(mine.train_cfg.max_iters, theirs.train_cfg.max_iters)
print(mine.model == theirs.model, [key for key in mine if '_scope_' in str(mine[key])])
print(scalenas.__path__[0])
"""
SHIPPED_CONFIG = 'scalenas_seg/earth/teacher_w16_1xb16-1k_earth-96x96.py'


@pytest.mark.parametrize('kind', ['wheel', 'editable'])
def test_a_config_may_inherit_from_an_installation(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """From a file of `_base_`, and from a config that the index names."""
    pytest.importorskip('mmengine')
    if kind == 'wheel':
        python = request.getfixturevalue('installed')
    else:
        _, python = request.getfixturevalue('editable')
    (tmp_path / 'probing.py').write_text("_base_ = 'scalenas::_base_/probe.py'\n")
    lines = f"_base_ = 'scalenas::{SHIPPED_CONFIG}'\ntrain_cfg = dict(max_iters=7)\n"
    (tmp_path / 'mine.py').write_text(lines)
    found = run(python, INHERITS.format(name=SHIPPED_CONFIG), tmp_path).splitlines()
    assert found[:2] == ['mmseg', '7 1000']
    assert found[2] == "True ['model']", 'a scope of ours would hide the classes of mmseg'
    where = Path(found[3])
    assert (where.parent.name == 'site-packages') == (kind == 'wheel')


READS = """
from importlib.util import find_spec
import scalenas.registry
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
cfg = Config.fromfile('mine.py')
with DefaultScope.overwrite_default_scope('mmseg'):
    data = DATASETS.build(cfg.search_dataloader.dataset)
print(find_spec('projects'), len(data), *data.metainfo['classes'][:2])
"""


def test_a_wheel_reads_the_data_of_a_demo(installed: Path, tmp_path: Path) -> None:
    """Its configs ask for nothing of the repository, once the data are there."""
    pytest.importorskip('mmseg')
    from projects.demo_data.demo import make_scenes
    from projects.demo_data.scenes import SceneRecipe

    make_scenes(tmp_path / 'data/scenes', (2, 3, 1), recipe=SceneRecipe(size=(32, 32)))
    (tmp_path / 'mine.py').write_text("_base_ = 'scalenas::_base_/datasets/scenes_128x128.py'\n")
    found = run(installed, READS, tmp_path).splitlines()[-1]
    assert found.split() == ['None', '3', 'background', 'disc']


@pytest.mark.slow
def test_mim_finds_the_configs(installed: Path, tmp_path: Path) -> None:
    """openmim beside the OneDL packages, where somebody has installed it."""
    pytest.importorskip('mim')
    name = Path(SHIPPED_CONFIG).stem
    code = 'from mim.cli import cli; cli()'
    command = [installed, '-W', 'ignore', '-c', code]
    path = os.pathsep.join(place for place in sys.path if Path(place) != ROOT)
    for arguments, said in (
        (['list'], 'scalenas'),
        (['search', 'scalenas', '--model', 'scalenas'], name),
        (['search', 'scalenas', '--config', name], 'satellite tiles'),
        (['search', 'scalenas', '--dataset', 'cityscapes', '--field', 'model'], 'scalenas_s1_8xb3'),
    ):
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, 'PYTHONPATH': path, 'COLUMNS': '300'},
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert said in done.stdout
