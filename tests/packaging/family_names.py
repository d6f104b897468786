"""Which modules of the package name a family of the house, without being that family's own."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from scalenas.family import Family, families, type_name

from .naming import PACKAGE, modules_that_name

DECLARED = 'builtin_families.py'


def generic_modules_that_name_a_family() -> dict[str, list[tuple[int, str]]]:
    """Path below the package -> the lines and words.

    A module is a family's own when its name has the family's, as `super_hrnet` does. Any other
    names one when it says the name of a family or a class that it brings, or imports from a module
    of its own; what stands in docstrings and comments is prose.
    """
    found = modules_that_name(pattern_of_families())
    return {path: words for path, words in found.items() if not is_own(path)}


def is_own(path: str) -> bool:
    """True for the module of a family, and for the one that declares them."""
    stem = PurePosixPath(path).stem
    return path == DECLARED or any(family.name in stem for family in built_in())


def built_in() -> list[Family]:
    """The families that the package itself registers."""
    declared = (PACKAGE / DECLARED).read_text(encoding='utf-8')
    return [family for family in families() if f"'{family.name}'" in declared]


def pattern_of_families() -> str:
    """Names of families alone or within that of a module, and the names of their classes."""
    words = []
    for family in built_in():
        parts = [family.__dict__[f'_{name}'] for name in ('arch', 'space', 'net')]
        words += [type_name(part) for part in (*parts, *family.supernets) if part is not None]
        words += [f'^{family.name}$', rf'^[a-z_.]*\b[a-z_]*{family.name}[a-z_]*$']
    return '|'.join(re.sub(r'^scalenas\.(\w+)$', r'\\b\1\\b', word) for word in words)


if __name__ == '__main__':
    counted = generic_modules_that_name_a_family()
    print(len(counted))
    for module, lines in counted.items():
        print(module, *(f'{line}:{text[:50]}' for line, text in lines))
