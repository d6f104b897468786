"""The numbers of the house in docs/design.md: `python -m tests.packaging.numbers` writes them."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable
from typing import NamedTuple

from scalenas.staging import write_whole

from .family_names import generic_modules_that_name_a_family
from .naming import PACKAGE, ROOT
from .test_task_packages import modules_beyond_the_pages

PAGE = ROOT / 'docs/design.md'
BEGIN, END = '<!-- numbers: python -m tests.packaging.numbers -->\n', '<!-- /numbers -->'


class Number(NamedTuple):
    """A row of the table: what is counted, how, and the most that a test allows."""

    what: str
    count: Callable[[], int]
    most: int


def lengths() -> list[int]:
    """Lines of every module that a wheel holds."""
    return [len(path.read_text().splitlines()) for path in PACKAGE.rglob('*.py')]


def sentences() -> int:
    """Keywords `match=` in tests: what pins the wording of an error or a warning."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / 'tests').rglob('*.py'))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return sum(isinstance(node, ast.keyword) and node.arg == 'match' for node in nodes)


NUMBERS = (
    Number('modules in the wheel', lambda: len(lengths()), 290),
    Number('lines in the wheel', lambda: sum(lengths()), 47_000),
    Number('lines of the median module', lambda: round(statistics.median(lengths())), 150),
    Number('lines of the longest module', lambda: max(lengths()), 400),
    Number('`match=` in tests', sentences, 40),
    Number(
        'generic modules that name a family', lambda: len(generic_modules_that_name_a_family()), 5
    ),
    Number(
        'modules outside of `tasks/` and `pose/` that know a task package by name',
        lambda: len(modules_beyond_the_pages()),
        7,
    ),
)

TOUCHED = (
    ('a column of the cost', 1, 'tests/visualization/test_columns_and_objectives.py'),
    ('an objective', 0, 'tests/visualization/test_columns_and_objectives.py'),
    ('a task package', 0, 'tests/tasks/test_fifth_task.py'),
    ('a family', 0, 'tests/families/test_contract.py'),
)
"""What is added, the files of the package that change for it, and the test that adds one."""


def table() -> str:
    """Both tables in Markdown."""
    rows = [f'| {n.what} | {n.count():,} | {n.most:,} |' for n in NUMBERS]
    files = [f'| {what} | {count} | `{test}` |' for what, count, test in TOUCHED]
    return '\n'.join(
        [
            '| counted | now | at most |',
            '|---|---|---|',
            *rows,
            '',
            '| to add | files of the package to change | shown in |',
            '|---|---|---|',
            *files,
            '',
        ]
    )


def page(text: str) -> str:
    """The page with the tables of today."""
    block = re.compile(re.escape(BEGIN) + '.*?' + re.escape(END), re.S)
    assert len(block.findall(text)) == 1
    return block.sub(lambda _: BEGIN + table() + END, text)


if __name__ == '__main__':
    write_whole(PAGE, page(PAGE.read_text(encoding='utf-8')))
    print(table())
