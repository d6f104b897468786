"""Studies for tests of pages: searched in milliseconds, with the settings that a search writes."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

from scalenas.search import AbstractSearch, SearchStudy, run_search
from scalenas.search.loop import Evaluate

from ..search.table import score


def searched(
    where: str | Path,
    name: str,
    search: AbstractSearch,
    evaluate: Evaluate = score,
    **settings: Any,
) -> SearchStudy:
    """The study of a search that has ended."""
    given = {
        'space': search.space.to_dict(),
        'algorithm': search.settings(),
        'seed': 0,
        'size': [64, 64],
        'checkpoint': 'f00',
        **settings,
    }
    study = SearchStudy.open(str(where), name, search.objectives, given)
    run_search(search, study, evaluate)
    return study


def unpacked(page: Path, part: str = 'data') -> str:
    """What a page carries."""
    found = re.search(f'<script type="text/plain" id="{part}">([^<]*)</script>', page.read_text())
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1])).decode()


def data_of(page: Path) -> Any:
    """The data in a page."""
    return json.loads(unpacked(page))
