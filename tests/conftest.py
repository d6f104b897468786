"""What tests start from: no default scope of an earlier run, and configs written unformatted."""

import gc
import signal
from collections.abc import Iterator

import pytest

from .processes import unformatted


def pytest_collection_finish() -> None:
    """What the imports left stays: mmengine's data sets collect garbage whenever one is built."""
    gc.collect()
    gc.freeze()


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', unformatted)
        yield


@pytest.fixture(scope='module', autouse=True)
def no_default_scope() -> Iterator[None]:
    """A runner sets a default scope for the whole process, which a module must not inherit."""
    from mmengine.registry import DefaultScope

    DefaultScope._instance_dict.clear()
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture(autouse=True)
def own_default_scope(no_default_scope: None) -> Iterator[None]:
    """Nor a test that of another one of its module; what the module's fixtures set stays."""
    from mmengine.registry import DefaultScope

    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)
