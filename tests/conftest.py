"""What tests start from: no default scope that the run of an earlier one left behind."""

from collections.abc import Iterator

import pytest


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
