"""What every test starts from: no default scope that the run of an earlier test left behind."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_default_scope() -> Iterator[None]:
    """mmengine's runner sets a default scope for the whole process; a test must not inherit it."""
    yield
    from mmengine.registry import DefaultScope

    DefaultScope._instance_dict.clear()
