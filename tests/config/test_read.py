"""Reading configs: whatever is wrong with one is a line that names the file."""

import argparse
from pathlib import Path

import pytest

from scalenas.config import DictAction, read_config
from scalenas.errors import ConfigError
from tests.errors import contains, raises
from tests.processes import run_code

REPO = Path(__file__).parents[2]
BROKEN = {
    'name.py': ('a = b', "NameError: name 'b' is not defined"),
    'zero.py': ('a = 1 / 0', 'ZeroDivisionError'),
    'syntax.py': ('a = (', 'not python'),
    'base.py': ("_base_ = './gone.py'", 'a base config is missing'),
    'colons.yaml': ('a: b: c', 'cannot be read: ScannerError'),
    'empty.yaml': ('', 'cannot be read: '),
    'list.yaml': ('- 1', 'cannot be read: '),
    'half.json': ('{', 'cannot be read: JSONDecodeError'),
}


@pytest.mark.parametrize('name', BROKEN)
def test_a_broken_config_is_named(tmp_path, name):
    text, words = BROKEN[name]
    path = tmp_path / name
    path.write_text(text)
    with raises(ConfigError, where=path, problem=contains(words)):
        read_config(str(path))


@pytest.mark.parametrize('package', ['mmseg', 'mmdet'])
def test_configs_of_other_packages_are_found_at_once(tmp_path, package):
    """In a process that has imported nothing else of ours, whichever family is installed."""
    (tmp_path / 'mine.py').write_text(f"_base_ = '{package}::_base_/default_runtime.py'")
    code = "from scalenas.config import read_config; print(read_config('mine.py').default_scope)"
    done = run_code(code, cwd=tmp_path)
    assert done.stdout.strip() == package, done.stderr


@pytest.mark.parametrize(
    'path', ['configs/_base_/default_runtime_seg.py', 'model_zoo/archs/scalenas_s1.yaml']
)
def test_a_config_of_no_model_is_none_to_run(path):
    path = str(REPO / path)
    read_config(path)
    with raises(ConfigError, where=f'{path}: model'):
        read_config(path, needs=('model',))


def test_a_variable_of_none_is_not_proposed_instead_of_itself(tmp_path):
    path = tmp_path / 'odd.py'
    path.write_text('train_dataloader = None\nmodel = dict(type="A")')
    with raises(ConfigError, where=f'{path}: train_dataloader', hint=''):
        read_config(str(path), needs=('train_dataloader',))


@pytest.mark.parametrize('model', [3, {'backbone': 3}])
def test_a_model_is_a_mapping_with_a_type(tmp_path, model):
    path = tmp_path / 'odd.py'
    path.write_text(f'model = {model!r}')
    with raises(ConfigError, where=f'{path}: model', got=model, allowed=contains('type=')):
        read_config(str(path), needs=('model',))


@pytest.mark.parametrize(
    'option', ['tta_pipeline.9.type', 'tta_pipeline.x.type', 'find_unused_parameters.deep.key']
)
def test_an_option_that_cannot_be_set_is_named(tmp_path, option):
    path = tmp_path / 'good.py'
    path.write_text(
        "tta_pipeline = [dict(type='a'), dict(type='b')]\nfind_unused_parameters = True\n"
    )
    assert read_config(str(path), {'tta_pipeline.1.type': 'c'}).tta_pipeline[1].type == 'c'
    with raises(ConfigError, where=f'--cfg-options: {option}', got='x', names=(path,)):
        read_config(str(path), {option: 'x'})


def test_settings_of_the_command_line(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    read = parser.parse_args(['--cfg-options', 'a.b=1', 'c=[1, (2, 3)]', 'd=x=y']).cfg_options
    assert read == {'a.b': 1, 'c': [1, (2, 3)], 'd': 'x=y'}
    for wrong, words in (('foo', "expected KEY=VALUE, got 'foo'"), ('a=[(1', 'brackets')):
        with pytest.raises(SystemExit) as ended:
            parser.parse_args(['--cfg-options', 'a=1', wrong])
        assert ended.value.code == 2
        assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize('base', ['mmseg::none.py', 'scalenas::', 'scalenas::../setup.py'])
def test_a_base_that_no_package_can_have_is_named(base, tmp_path):
    (tmp_path / 'mine.py').write_text(f"_base_ = ['{base}']\n")
    with pytest.raises(ConfigError) as error:
        read_config(str(tmp_path / 'mine.py'))
    assert error.value.got == base
    assert error.value.where.endswith('mine.py: _base_')
    assert '::' in error.value.allowed
