"""Which modules of the package name a family of the house, without being that family's own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from scalenas.family import Family, families, type_name

PACKAGE = Path(__file__).resolve().parents[2] / 'scalenas'
DECLARED = 'builtin_families.py'


def generic_modules_that_name_a_family() -> list[str]:
    """Paths below the package, sorted.

    A module is a family's own when its name has the family's. Any other names one when it says a
    class or the name of a family, or imports from a module that is a family's own; what stands in
    docstrings and comments is prose.
    """
    found = []
    for path in sorted(PACKAGE.rglob('*.py')):
        if path.name == DECLARED or is_own(path.stem):
            continue
        if any(words_of_families() & set(_said(node)) for node in ast.walk(_tree(path))):
            found.append(path.relative_to(PACKAGE).as_posix())
    return found


def is_own(stem: str) -> bool:
    """True for the name of a module that is a family's own, such as `super_hrnet`."""
    return any(family.name in stem for family in built_in())


def built_in() -> list[Family]:
    """The families that the package itself registers."""
    return [family for family in families() if family.name in (PACKAGE / DECLARED).read_text()]


def words_of_families() -> set[str]:
    """Names of families, and of the classes that they bring."""
    words = set()
    for family in built_in():
        parts = [family.__dict__[f'_{name}'] for name in ('arch', 'space', 'net')]
        for part in (*parts, *family.supernets):
            if part is not None:
                words.add(type_name(part).removeprefix('scalenas.'))
        words.add(family.name)
    return words


def _said(node: ast.AST) -> Iterator[str]:
    """The words of a node: names, whole strings, and the families of modules it imports from."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value.removeprefix('scalenas.')
    elif isinstance(node, ast.ImportFrom | ast.Import):
        yield from (alias.name for alias in node.names)
        module = getattr(node, 'module', None) or ''
        yield from (family.name for family in built_in() if family.name in module)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding='utf-8'))


if __name__ == '__main__':
    names = generic_modules_that_name_a_family()
    print(len(names), *names, sep='\n')
