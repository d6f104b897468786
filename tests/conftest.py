"""What tests start from: no default scope of an earlier run, and configs written unformatted.

`pytest -m fast` runs the rooms that need neither torch nor the packages around it, with numpy,
PyYAML, Optuna, SciPy, pytest and Hypothesis alone, in half a minute: what is marked `slow` or
`longer` is left out.
"""

import gc
import importlib.util
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from . import finished

HERE = Path(__file__).parent

FAST = ('arch', 'benchmarks', 'complexity', 'space', 'sampling', 'scaling', 'search')
"""Folders whose tests import nothing of torch, but for the modules below."""

WITH_TORCH = (
    'arch/test_families.py',
    'benchmarks/test_inner_widths.py',
    'benchmarks/test_scenes_training.py',
    'benchmarks/test_searched_against_scaled.py',
    'benchmarks/test_small_studies.py',
    'complexity/test_complexity_floor.py',
    'search/test_gp_sampler.py',
)


LONG = (
    'configs/test_configs.py',
    *('test_notebook.py', 'test_site.py', 'adoption/test_segmentation_way.py'),
    *('adoption/test_init.py', 'evaluation/test_searching.py', 'visualization/test_page.py'),
    *('visualization/test_page_in_a_browser.py', 'projects/zoo/test_zoo_tables.py'),
    *('configs/test_pose_configs.py', 'models/test_official.py', 'tools/test_train.py'),
    *('tools/test_scalenet.py', 'export/test_subnet.py', 'models/test_super_mbconv.py'),
    *('adoption/test_segmentation_way.py', 'adoption/test_init.py'),
    *('models/test_super_hrnet.py', 'packaging/test_setup.py', 'export/test_transfer.py'),
    *('export/test_trained_classifier.py', 'export/test_recipe.py', 'test_readme.py'),
    *('training/test_distributed.py', 'evaluation/test_ranks.py', 'evaluation/test_evaluator.py'),
    *('evaluation/test_detectors.py', 'models/test_families.py', 'tools/test_search_tool.py'),
    *('evaluation/test_scored_classes.py', 'training/test_sandwich.py', 'search/test_study.py'),
    *('tools/test_other_packages.py', 'tools/test_detection.py', 'evaluation/test_trace.py'),
    *('configs/test_bottomup_configs.py', 'tools/test_pose.py', 'tools/test_bad_checkpoints.py'),
    *('tools/test_train_mistakes.py', 'search/test_alternating.py', 'tools/test_rank_study.py'),
)
"""Modules that take more than some ten seconds, the longest first.

With -n and --dist loadscope, a module goes to one process as a whole: one of these at the end
would leave the others without work.
"""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With -m fast, modules that would import torch are not even read."""
    if config.option.markexpr != 'fast' or collection_path in (HERE, *HERE.parents):
        return None
    return None if _is_fast(collection_path) else True


def pytest_configure(config: pytest.Config) -> None:
    """No test fails on a time; with -m fast, properties are tried on fewer examples."""
    settings.register_profile('tests', deadline=None)
    settings.load_profile('tests')
    if config.option.markexpr == 'fast':
        settings.register_profile('fast', max_examples=10, deadline=None)
        settings.load_profile('fast')
    # Else xdist sorts modules by their number of tests, and those of few and long ones come last.
    config.option.loadscopereorder = False
    finished.begin(config)


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    finished.leave_out(items, config)
    order = {HERE / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
    for item in items:
        longer = any(item.get_closest_marker(name) for name in ('slow', 'longer'))
        if _is_fast(item.path) and not longer:
            item.add_marker('fast')


def _is_fast(path: Path) -> bool:
    name = path.relative_to(HERE).as_posix()
    return name.split('/')[0] in (*FAST, 'test_errors.py') and name not in WITH_TORCH


def pytest_collection_finish() -> None:
    """What the imports left stays, and is looked through no more."""
    gc.collect()
    gc.freeze()
    leave_garbage()


def leave_garbage() -> None:
    """To the interpreter, which collects it when there is much.

    mmengine looks through the whole process, torch and all, whenever a data set is built.
    """
    module = sys.modules.get('mmengine.dataset.base_dataset')
    if module is not None:
        module.gc = SimpleNamespace(collect=lambda: 0)


def unformatted(text: str, **_: object) -> tuple[str, bool]:
    """For yapf's FormatCode: mmengine formats each config it writes, several times a run."""
    return text, True


@pytest.fixture(scope='session', autouse=True)
def ctrl_c_works() -> None:
    """Also where whoever started the tests ignores it, as a background job of a shell does.

    Processes that a test starts inherit that, and a shell script cannot undo it.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='session', autouse=True)
def configs_are_written_as_they_are() -> Iterator[None]:
    """Most of a small run's time went into formatting its config."""
    if importlib.util.find_spec('yapf') is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', unformatted)
        yield


def _scopes() -> dict[str, object]:
    """Default scopes that a runner set for the whole process; none before mmengine is imported."""
    registry = sys.modules.get('mmengine.registry')
    return {} if registry is None else registry.DefaultScope._instance_dict


@pytest.fixture(scope='module', autouse=True)
def no_default_scope() -> Iterator[None]:
    """A runner sets a default scope for the whole process, which a module must not inherit."""
    _scopes().clear()
    yield
    _scopes().clear()


@pytest.fixture(autouse=True)
def own_default_scope(no_default_scope: None) -> Iterator[None]:
    """Nor a test that of another one of its module; what the module's fixtures set stays."""
    leave_garbage()
    before = dict(_scopes())
    yield
    _scopes().clear()
    _scopes().update(before)
