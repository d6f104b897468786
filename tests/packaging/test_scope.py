"""The scope `scalenas` as mmengine sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('mmengine')

from mmengine.config import Config
from mmengine.hub import get_config, get_model
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope

from scalenas import registry
from scalenas.utils import register_all_modules

from ..processes import run_code

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
    done = run_code(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == 'True'


def test_a_foreign_base_config_resolves() -> None:
    pytest.importorskip('mmseg')
    path, scope = Config._get_cfg_path('mmseg::_base_/default_runtime.py', 'config.py')
    assert scope == 'mmseg'
    assert Config.fromfile(path).default_scope == 'mmseg'


def test_a_base_of_ours_brings_no_scope() -> None:
    """Its classes are those of mmseg and, with a prefix, ours: a scope of ours hides the former."""
    name = 'scalenas_seg/earth/teacher_w16_1xb16-1k_earth-96x96.py'
    path, scope = Config._get_cfg_path(f'scalenas::{name}', 'mine.py')
    assert Path(path).samefile(ROOT / 'configs' / name)
    assert scope is None
    path, scope = Config._get_cfg_path('mmdet::_base_/default_runtime.py', 'mine.py')
    assert scope == 'mmdet'


SMALL = {
    'mmseg': 'scalenas_seg/earth/supernet_w16_1xb16-1k_earth-96x96.py',
    'mmdet': 'scalenas_det/trees/faster_rcnn_w16_1xb4-250_trees-256x256.py',
    'mmpose': 'scalenas_pose/people/teacher_w16_1xb16-400_people-128x96.py',
    'mmpretrain': 'scalenas_cls/digits/alone_scalenet_1xb64-600_digits-28x28.py',
}


@pytest.mark.parametrize('package', SMALL)
def test_mmengines_hub_builds_a_shipped_config(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    monkeypatch.chdir(ROOT)  # where the arch of a config may lie
    cfg = get_config(f'scalenas::{SMALL[package]}')
    assert cfg.default_scope == package
    model = get_model(f'scalenas::{SMALL[package]}')
    assert model.train_step
    with pytest.raises(AssertionError, match='Weights'):
        get_model(f'scalenas::{SMALL[package]}', pretrained=True)


def test_registering_never_replaces_the_scope_of_a_task() -> None:
    with DefaultScope.overwrite_default_scope('mmseg'):
        register_all_modules(init_default_scope=True)
        assert DefaultScope.get_current_instance().scope_name == 'mmseg'


def test_registering_twice_is_harmless() -> None:
    register_all_modules(init_default_scope=False)
    before = len(ROOT_MODELS.children['scalenas'])
    register_all_modules(init_default_scope=False)
    assert len(ROOT_MODELS.children['scalenas']) == before
