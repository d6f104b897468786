"""The house stays as open and as small as docs/design.md says."""

from __future__ import annotations

import pytest

from .naming import ROOT
from .numbers import BEGIN, END, NUMBERS, PAGE, TOUCHED, Number


@pytest.mark.parametrize('number', NUMBERS, ids=lambda number: number.what)
def test_no_number_is_above_its_bound(number: Number) -> None:
    assert number.count() <= number.most


def test_the_page_has_every_row_and_its_bound() -> None:
    text = PAGE.read_text(encoding='utf-8')
    shown = text[text.index(BEGIN) : text.index(END)]
    for number in NUMBERS:
        (row,) = [line for line in shown.splitlines() if line.startswith(f'| {number.what} |')]
        assert row.endswith(f'| {number.most:,} |')
    for what, count, test in TOUCHED:
        assert f'| {what} | {count} | `{test}` |' in shown.splitlines()
        assert (ROOT / test).is_file()
