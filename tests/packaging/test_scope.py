"""The scope `scalenas` as mmengine sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('mmengine')

from mmengine.config import Config
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope

from scalenas import registry
from scalenas.utils import register_all_modules

ROOT = Path(__file__).resolve().parents[2]
NAMES = ('MODELS', 'MODEL_WRAPPERS', 'LOOPS', 'HOOKS', 'TASK_UTILS', 'DATASETS', 'TRANSFORMS')


@pytest.mark.parametrize('name', [*NAMES, 'METRICS'])
def test_every_registry_is_a_child_of_mmengines(name: str) -> None:
    child = getattr(registry, name)
    assert child.scope == 'scalenas'
    assert child.parent.scope == 'mmengine'
    assert child.get('a class that nobody registered') is None  # imports all its locations


def test_a_prefixed_type_is_found_without_custom_imports() -> None:
    """mmengine itself imports scalenas.registry when it meets the prefix."""
    code = (
        'from mmengine.registry import MODELS; import sys; '
        "assert 'scalenas' not in sys.modules; MODELS.get('scalenas.Nothing'); "
        "print('scalenas.registry' in sys.modules)"
    )
    command = [sys.executable, '-W', 'ignore', '-c', code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'True'


def test_a_foreign_base_config_resolves() -> None:
    pytest.importorskip('mmseg')
    path, scope = Config._get_cfg_path('mmseg::_base_/default_runtime.py', 'config.py')
    assert scope == 'mmseg'
    assert Config.fromfile(path).default_scope == 'mmseg'


def test_registering_never_replaces_the_scope_of_a_task() -> None:
    with DefaultScope.overwrite_default_scope('mmseg'):
        register_all_modules(init_default_scope=True)
        assert DefaultScope.get_current_instance().scope_name == 'mmseg'


def test_registering_twice_is_harmless() -> None:
    register_all_modules(init_default_scope=False)
    before = len(ROOT_MODELS.children['scalenas'])
    register_all_modules(init_default_scope=False)
    assert len(ROOT_MODELS.children['scalenas']) == before
