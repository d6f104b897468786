"""Which modules know something by name: in their code, not in their docstrings or comments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / 'scalenas'

TASK_PACKAGES = r'mmseg|mmpose|mmdet|mmpretrain'
"""Also in the names of their distributions, such as onedl-mmsegmentation."""


def names_in(source: str, pattern: str) -> list[tuple[int, str]]:
    """Line and text of every identifier, import and string of a source that the pattern is in.

    Strings that nobody reads, as docstrings are, do not count.
    """
    tree = ast.parse(source)
    unread = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    search = re.compile(pattern).search
    return sorted(
        (line, text)
        for node in ast.walk(tree)
        if id(node) not in unread
        for line, text in _texts(node)
        if search(text)
    )


def modules_that_name(pattern: str, package: Path = PACKAGE) -> dict[str, list[tuple[int, str]]]:
    """Path below the package -> what `names_in` finds there, of all modules with a finding."""
    files = sorted(package.rglob('*.py'))
    found = {
        path.relative_to(package).as_posix(): names_in(path.read_text(encoding='utf-8'), pattern)
        for path in files
    }
    return {path: names for path, names in found.items() if names}


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    line = getattr(node, 'lineno', 0)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield line, node.value
    elif isinstance(node, ast.Name):
        yield line, node.id
    elif isinstance(node, ast.Attribute):
        yield line, node.attr
    elif isinstance(node, ast.arg | ast.keyword):
        yield line, node.arg or ''
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield line, node.name
    elif isinstance(node, ast.ImportFrom):
        yield line, node.module or ''
        yield from ((line, alias.name) for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from ((line, alias.name) for alias in node.names)
