"""Options of the command line: what nothing would read is refused, with the right place."""

from pathlib import Path

import pytest

from scalenas.config import read_config
from scalenas.errors import ConfigError

REPO = Path(__file__).parents[2]
EARTH = str(REPO / 'configs/scalenas_seg/earth/teacher_w16_1xb16-1k_earth-96x96.py')


@pytest.mark.parametrize(
    ('option', 'place'),
    [
        ('max_iters', 'train_cfg.max_iters'),
        ('vis_backends', 'visualizer.vis_backends'),
        ('vis_backends.0.type', 'visualizer.vis_backends.0.type'),
    ],
)
def test_a_variable_that_was_used_already_is_refused(option: str, place: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_config(EARTH, {option: 150})
    assert error.value.where == f'--cfg-options: {option}'
    assert place in error.value.hint.split()
    # What it names is taken.
    assert read_config(EARTH, {place: 150}) is not None


@pytest.mark.parametrize('option', ['custom_imports', 'train_cgf.max_iters', 'launcher', '', 'a.'])
def test_what_nothing_reads_is_refused(option: str) -> None:
    with pytest.raises(ConfigError):
        read_config(EARTH, {option: 'x'})


@pytest.mark.parametrize('option', ['randomness.seed', 'search.seed', 'resume', 'tta_pipeline'])
def test_what_is_read_later_is_taken(option: str) -> None:
    assert read_config(EARTH, {option: 3}) is not None


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('exit.py', 'raise SystemExit(0)'),
        ('quit.py', 'exit()'),
        ('self.py', "_base_ = './self.py'"),
        ('bytes.py', '\0'),
        ('bomb.yaml', '\n'.join(f'a{i}: &a{i} [{f"*a{i - 1}, " * 9}]' for i in range(12))),
    ],
)
def test_configs_that_are_no_configs(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text.replace('*a-1, ', '1, '))
    with pytest.raises(ConfigError) as error:
        read_config(str(path))
    assert '\n' not in str(error.value)
    assert error.value.where.endswith(name)


def test_a_ring_of_bases(tmp_path: Path) -> None:
    (tmp_path / 'a.py').write_text("_base_ = ['./b.py']")
    (tmp_path / 'b.py').write_text("_base_ = './a.py'")
    with pytest.raises(ConfigError) as error:
        read_config(str(tmp_path / 'a.py'))
    assert error.value.problem.endswith('a.py -> b.py -> a.py')


def test_a_folder_and_a_name_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / 'x.py').mkdir()
    for path in (str(tmp_path / 'x.py'), f'{tmp_path}/{"a" * 300}.py'):
        with pytest.raises(ConfigError):
            read_config(path)
