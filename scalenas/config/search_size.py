"""The input size that costs of a search are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalenas.arch import Size
from scalenas.arch.strict import as_size


def search_size(cfg: Mapping[str, Any]) -> Size | None:
    """`search.size` of a config, height and width in pixels; None where it does not say.

    Raises:
        ArchError: when it is no size.
    """
    search = cfg.get('search')
    size = search.get('size') if isinstance(search, Mapping) else None
    return None if size is None else as_size(size, 'search.size')
