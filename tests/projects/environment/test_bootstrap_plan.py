"""What the environment is made of: pinned, ordered, hashed, and the user's torch."""

from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path

import pytest

from projects.environment import pip
from projects.environment.errors import SetupError
from projects.environment.plan import DEFAULT_TORCH, Plan, environments, read_plan

REQUIREMENTS = Path(__file__).resolve().parents[3] / 'requirements'


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REQUIREMENTS, tmp_path / 'clone' / 'requirements'))


def plan_of(requirements: Path, **variables: str) -> Plan:
    return read_plan(requirements, {'SCALENAS_ENV_HOME': '/envs', **variables})


def all_commands(plan: Plan) -> list[list[str]]:
    return [command for step in plan.steps for command in pip.commands(step, plan)]


def test_every_package_is_pinned() -> None:
    plan = plan_of(REQUIREMENTS)
    lines = [line for path in plan.constraints for line in path.read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith('#')]
    assert all(re.fullmatch(r'[a-z0-9-]+==[\w.]+', line) for line in pins)
    names = {line.split('==')[0] for line in pins}
    assert len(names) == len(pins)
    assert {name.split('=')[0] for step in plan.steps for name in step.packages} <= names


def test_torch_is_pinned_to_the_published_build() -> None:
    (torch,) = (step for step in plan_of(REQUIREMENTS).steps if step.name == 'torch')
    assert torch.packages == tuple(DEFAULT_TORCH.split())
    assert all('===' in name for name in torch.packages)


def test_the_operators_are_compiled_against_the_torch_installed_before() -> None:
    names = [step.name for step in plan_of(REQUIREMENTS).steps]
    assert names.index('base') == 0
    assert names.index('torch') < names.index('build-tools') < names.index('operators')
    assert names.index('mmcv') < names.index('mmlab') < names.index('operators')


def test_the_basic_environment_compiles_nothing() -> None:
    plan = plan_of(REQUIREMENTS)
    basic = plan.basic()
    assert basic.home == plan.home
    assert plan.steps[: len(basic.steps)] == basic.steps  # what is added comes after
    assert not [step.name for step in basic.steps if step.needs_compiler]
    lines = [line for line in all_commands(basic) if 'onedl-mmcv' in line]
    # Isolated from torch, with which its setup would compile, and not out of pip's cache, where a
    # compiled one may lie.
    assert len(lines) == 1
    assert '--no-cache-dir' in lines[0]
    assert '--no-build-isolation' not in lines[0]
    compiled = [step.name for step in plan.steps if step.needs_compiler]
    assert compiled == ['operators', 'xtcocotools']


def test_only_a_source_build_without_pips_cache_makes_the_operators() -> None:
    plan = plan_of(REQUIREMENTS)
    (mmcv,) = (step for step in plan.steps if step.name == 'operators')
    built = [command for command in pip.commands(mmcv, plan) if '-v' in command]
    assert len(built) == 1
    assert built[0][:2] == ['env', f'CFLAGS={sysconfig.get_config_var("CFLAGS")} -g0']
    for flag in ('--no-build-isolation', '--no-deps', '--no-cache-dir'):
        assert flag in built[0]


def test_no_index_is_named_unless_the_user_names_one() -> None:
    assert not [
        word for line in all_commands(plan_of(REQUIREMENTS)) for word in line if '://' in word
    ]
    chosen = plan_of(REQUIREMENTS, SCALENAS_TORCH_INDEX='https://index.example/cpu')
    installs = [line for line in all_commands(chosen) if 'install' in line and '-c' in line]
    assert installs
    assert all('https://index.example/cpu' in line for line in installs)


def test_a_chosen_torch_replaces_the_default_and_its_pins() -> None:
    plan = plan_of(REQUIREMENTS, SCALENAS_TORCH='torch==2.12.1+cpu torchvision==0.27.1+cpu')
    (torch,) = (step for step in plan.steps if step.name == 'torch')
    assert torch.packages == ('torch==2.12.1+cpu', 'torchvision==0.27.1+cpu')
    assert [path.name for path in plan.constraints] == ['constraints.txt']


def test_equal_requirements_share_an_environment(requirements: Path) -> None:
    assert plan_of(requirements).home == plan_of(REQUIREMENTS).home


@pytest.mark.parametrize('name', ['constraints.txt', 'constraints-torch.txt', 'environment.toml'])
def test_changed_requirements_make_another_environment(requirements: Path, name: str) -> None:
    before = plan_of(requirements)
    (requirements / name).write_text((requirements / name).read_text() + '\n# changed\n')
    assert plan_of(requirements).home != before.home
    assert plan_of(requirements).wheels == before.wheels  # nothing to compile again


def test_a_new_requirements_file_makes_another_environment(requirements: Path) -> None:
    before = plan_of(requirements).home
    (requirements / 'more.txt').write_text('timm\n')
    assert plan_of(requirements).home != before


@pytest.mark.parametrize('name', ['SCALENAS_TORCH', 'SCALENAS_TORCH_INDEX', 'SCALENAS_MMCV_CUDA'])
def test_a_choice_makes_another_environment_and_another_wheel(name: str) -> None:
    chosen, default = plan_of(REQUIREMENTS, **{name: '1'}), plan_of(REQUIREMENTS)
    assert chosen.home != default.home
    assert chosen.wheels != default.wheels


def test_another_torch_pin_compiles_again(requirements: Path) -> None:
    before = plan_of(requirements).wheels
    path = requirements / 'constraints-torch.txt'
    path.write_text(path.read_text().replace('torch==2.13.0', 'torch==2.12.1'))
    assert plan_of(requirements).wheels != before


def test_other_variables_change_nothing() -> None:
    assert plan_of(REQUIREMENTS, OMP_NUM_THREADS='1').home == plan_of(REQUIREMENTS).home


def test_where_environments_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    assert environments({}) == tmp_path / '.cache' / 'scalenas' / 'envs'
    assert environments({'XDG_CACHE_HOME': '/cache'}) == Path('/cache/scalenas/envs')
    both = {'XDG_CACHE_HOME': '/cache', 'SCALENAS_ENV_HOME': '/envs'}
    assert environments(both) == Path('/envs')


def test_nothing_of_the_callers_python_leaks_into_a_step() -> None:
    caller = {'PATH': '/bin', 'PYTHONPATH': '/x', 'PYTHONHOME': '/x', 'PIP_TARGET': '/x'}
    inside = pip.variables(plan_of(REQUIREMENTS), {**caller, 'PIP_INDEX_URL': 'kept'})
    assert not {'PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET'} & set(inside)
    assert inside['PIP_INDEX_URL'] == 'kept'
    assert inside['CUDA_VISIBLE_DEVICES'] == ''
    assert 'FORCE_CUDA' not in inside
    assert inside['PATH'].split(':')[0] == str(plan_of(REQUIREMENTS).home / 'bin')


def test_operators_for_the_gpu_are_a_choice() -> None:
    chosen = plan_of(REQUIREMENTS, SCALENAS_MMCV_CUDA='1')
    inside = pip.variables(chosen, {'PATH': '/bin', 'CUDA_VISIBLE_DEVICES': '3'})
    assert (inside['FORCE_CUDA'], inside['CUDA_VISIBLE_DEVICES']) == ('1', '3')


def test_a_missing_compiler_is_found_before_the_first_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = read_plan(REQUIREMENTS, {'SCALENAS_ENV_HOME': str(tmp_path)})
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('CXX', raising=False)
    with pytest.raises(SetupError, match=r'no C\+\+ compiler .* install g\+\+'):
        pip.check_machine(plan, list(plan.steps))
    pip.check_machine(plan, [plan.steps[-1]])  # nothing left to compile
    pip.check_machine(plan.basic(), list(plan.basic().steps))


def test_a_full_disk_is_found_before_the_first_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = read_plan(REQUIREMENTS, {'SCALENAS_ENV_HOME': str(tmp_path)})
    monkeypatch.setattr(pip, 'DISK_GIB', 10**9)
    with pytest.raises(SetupError, match=r'GB free, about .* SCALENAS_ENV_HOME'):
        pip.check_machine(plan, list(plan.steps))


@pytest.mark.parametrize(
    ('log', 'advice'),
    [
        ('OSError: [Errno 28] No space left on device', 'the disk is full'),
        ('NewConnectionError: Failed to establish a new connection', 'check the network'),
        ('[Errno -3] Temporary failure in name resolution', 'check the network'),
        ('g++: fatal error: Killed signal terminated program cc1plus', 'MAX_JOBS=1'),
        ('ERROR: No matching distribution found for numpy==9', 'SCALENAS_TORCH'),
        ('Traceback ... KeyError', 'the same command continues here'),
    ],
)
def test_a_failure_comes_with_advice(log: str, advice: str) -> None:
    assert advice in pip.diagnose(f'noise\n{log}\nnoise')
