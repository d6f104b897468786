"""Numbers in README are those that a run wrote down."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_tables_of_readme_are_the_written_ones():
    readme = (ROOT / 'README.md').read_text()
    for table in ('docs/demo/table.md', 'benchmarks/results/results.md'):
        text = (ROOT / table).read_text().strip()
        assert text.startswith('|'), table
        assert text in readme, table


def test_what_was_exported_is_what_was_searched():
    rows = (ROOT / 'docs/demo/table.md').read_text().splitlines()[2:]
    assert len(rows) == 2
    for row in rows:
        *_, inside, exported, stock = (cell.strip() for cell in row.strip('|').split('|'))
        assert inside == exported
        assert abs(float(inside) - float(stock)) <= 0.005001  # mmseg prints two digits
