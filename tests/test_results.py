"""Numbers in README are those that a run wrote down."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
POSE = ROOT / 'docs/demo/pose/table.md'


SEARCHES = [path for path in (ROOT / 'docs/demo/table.md', POSE) if path.exists()]


def test_the_tables_of_readme_are_the_written_ones():
    readme = (ROOT / 'README.md').read_text()
    tables = sorted((ROOT / 'docs/demo').rglob('table.md'))
    assert len(tables) >= 1
    for table in (*tables, ROOT / 'benchmarks/results/results.md'):
        text = table.read_text().strip()
        assert text.startswith('|'), table
        assert text in readme, table


@pytest.mark.parametrize('table', SEARCHES, ids=lambda path: path.parent.name)
def test_what_was_exported_is_what_was_searched(table):
    rows = table.read_text().splitlines()[2:]
    assert len(rows) == 2
    for row in rows:
        inside, exported, stock = [cell.strip() for cell in row.strip('|').split('|')][4:7]
        assert inside == exported
        assert abs(float(inside) - float(stock)) <= 0.005001  # mmseg prints two digits
