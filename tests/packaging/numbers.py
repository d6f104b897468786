"""The numbers of the house in docs/design.md: `python -m tests.packaging.numbers` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .naming import PACKAGE, ROOT

PAGE = ROOT / 'docs/design.md'
BEGIN, END = '<!-- numbers: python -m tests.packaging.numbers -->\n', '<!-- /numbers -->'


class Number(NamedTuple):
    """A row of the table: what is counted, how, and the bound that a test holds it to."""

    what: str
    count: Callable[[], int]
    most: int


def _lengths() -> list[int]:
    return [len(path.read_text().splitlines()) for path in PACKAGE.rglob('*.py')]


def _sentences() -> int:
    """Lines of tests that look for a sentence in an error or a warning."""
    pattern = re.compile(r'\bmatch=')
    files = (ROOT / 'tests').rglob('*.py')
    return sum(
        bool(pattern.search(line))
        for path in files
        if path != Path(__file__)
        for line in path.read_text().splitlines()
    )
