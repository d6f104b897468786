"""In these tests the U-Net of the docs is a registered family."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cases import registered


@pytest.fixture(autouse=True)
def every_family() -> Iterator[None]:
    with registered():
        yield
