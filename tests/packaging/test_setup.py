"""What pip makes of the checkout: neutral metadata, and `.mim` in every kind of installation."""

from __future__ import annotations

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
    if not (copy / 'model-index.yml').exists():
        (copy / 'model-index.yml').write_text('Import: []\n')
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
    assert set(found['Provides-Extra']) == {'onedl', 'mim', 'tests'}
    by_extra: dict[str, list[str]] = {'onedl': [], 'mim': [], 'tests': []}
    for line in found['Requires-Dist']:
        extra = re.search(r'extra == [\'"](\w+)', line)
        if extra:
            by_extra[extra[1]].append(line)
    assert all(line.startswith('onedl-') for line in by_extra['onedl'])
    assert all(line.startswith('mm') for line in by_extra['mim'])
    assert not [line for line in by_extra['tests'] if FAMILY.match(line.lower())]
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
    for path in (ROOT / 'model_zoo').rglob('*.yaml'):
        assert f'scalenas/.mim/{path.relative_to(ROOT).as_posix()}' in names
    for path in (ROOT / 'scalenas').rglob('*.py'):
        if '.mim' not in path.parts:
            assert path.relative_to(ROOT).as_posix() in names


def test_the_wheel_brings_one_top_level_package_and_no_checkout_tools(
    wheel: zipfile.ZipFile,
) -> None:
    names = wheel.namelist()
    tops = {name.split('/')[0] for name in names if '.dist-info/' not in name}
    assert tops == {'scalenas'}
    assert not [name for name in names if 'bootstrap' in name or '__pycache__' in name]


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


@pytest.fixture(scope='module')
def editable(checkout: Path) -> tuple[Path, Path]:
    """The checkout and the Python of a virtual environment with `pip install -e checkout`."""
    home = checkout.parent / 'venv'
    venv = [sys.executable, '-m', 'venv', '--system-site-packages', '--without-pip', str(home)]
    subprocess.run(venv, check=True)
    # A venv made inside a venv sees the first Python's packages, not those of the venv between.
    (site,) = (home / 'lib').glob('python*/site-packages')
    (site / 'outer.pth').write_text(f'{Path(pytest.__file__).parents[1]}\n')
    pip('install', '-e', checkout, python=home / 'bin' / 'python')
    return checkout, home / 'bin' / 'python'


def test_an_editable_installation_links_mim(editable: tuple[Path, Path]) -> None:
    checkout, _ = editable
    mim = checkout / 'scalenas' / '.mim'
    assert {path.name for path in mim.iterdir()} >= {'configs', 'tools', 'model_zoo'}
    assert all(path.is_symlink() for path in mim.iterdir())
    assert (mim / 'configs' / '_base_' / 'probe.py').is_file()


def test_an_editable_installation_is_the_checkout(
    editable: tuple[Path, Path], tmp_path: Path
) -> None:
    checkout, python = editable
    code = (
        'import scalenas; from scalenas.paths import resource; '
        "print(scalenas.__path__[0]); print(resource('model_zoo'))"
    )
    done = subprocess.run(
        [python, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.split() == [str(checkout / 'scalenas'), str(checkout / 'model_zoo')]


def test_a_config_may_inherit_from_an_editable_installation(
    editable: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip('mmengine')
    _, python = editable
    (tmp_path / 'mine.py').write_text("_base_ = 'scalenas::_base_/probe.py'\n")
    code = (
        'import scalenas.registry; from mmengine.config import Config; '
        "print(Config.fromfile('mine.py').default_scope)"
    )
    command = [python, '-W', 'ignore', '-c', code]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={}
    )
    assert done.stdout.strip() == 'mmseg', done.stderr
