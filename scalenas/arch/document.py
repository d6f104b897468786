"""Archs as text, strict YAML in and out, and the named ones: a file each in model_zoo/archs."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from scalenas.errors import foreign, unreadable
from scalenas.family import family_named, family_names
from scalenas.paths import resource

from .layer import Arch
from .strict import ArchError, as_choice, inside, wrong

A = TypeVar('A', bound=Arch)

MOST_TEXT = 50_000
"""Characters of a YAML text: ten thousand are read in a second, and networks need thousands."""

MOST_NODES = 20_000
"""Values and keys of a YAML text, once its aliases are written out."""

MOST_NESTED = 50
"""Brackets that are open at once: each costs the parser time at every character after it."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error, and aliases cannot multiply."""

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        _nodes(node, {})
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                raise ArchError(f'a key that is no word, line {line}', got=key)
            if key in seen:
                raise ArchError(f'a key stands twice, line {line}', got=key)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _nodes(node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for; a list that holds itself has no number.

    Raises:
        ArchError: for more than `MOST_NODES`.
    """
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if (count := known.get(id(node))) is not None:
        if not count:
            raise ArchError(f'line {node.start_mark.line + 1} holds itself, by an alias')
        return count
    known[id(node)] = 0
    total = 1
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            total += _nodes(part, known)
        if total > MOST_NODES:
            raise ArchError(allowed=f'at most {MOST_NODES:,} values, aliases written out')
    known[id(node)] = total
    return total


def from_dict(data: object, where: str = 'arch') -> Arch:
    """The arch that plain data (from YAML, a config or a checkpoint) describes.

    Raises:
        ArchError: one line that says what is wrong and what is allowed.
    """
    if not isinstance(data, dict) or 'family' not in data:
        raise wrong(where, f"an arch, a mapping with 'family' ({', '.join(family_names())})", data)
    family = as_choice(data['family'], f'{where}.family', family_names())
    kind: type[Arch] = family_named(family).arch
    return kind.from_dict(data, where)


def of_family(arch: Arch, family: type[A], where: str = 'arch') -> A:
    """`arch`, if it belongs to the family of this class.

    Raises:
        ArchError: for another family.
    """
    if not isinstance(arch, family):
        raise wrong(f'{where}.family', [family.family], arch.family)
    return arch


def read_yaml(text: str, where: str) -> object:
    """The plain data of a YAML text, in which no key stands twice.

    Raises:
        ArchError: when it is no such text.
    """
    if len(text) > MOST_TEXT:
        raise ArchError(where=where, allowed=f'at most {MOST_TEXT:,} characters of YAML')
    opened = 0
    for bracket in re.findall(r'[][{}]', text):
        opened += 1 if bracket in '[{' else -1
        if opened > MOST_NESTED:
            raise ArchError(where=where, allowed=f'at most {MOST_NESTED} brackets in each other')
    try:
        with inside(where):
            return yaml.load(text, Loader=_StrictLoader)
    except ArchError:
        raise
    except (
        yaml.YAMLError,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        # Not only of YAML: a date that is none, a number of 5,000 digits, `!!timestamp x`.
        raise ArchError(f'not YAML: {foreign(error)[:150]}', where=where) from None


def read_yaml_file(path: str | Path, what: str) -> object:
    """The plain data of a YAML file that should hold `what`.

    Raises:
        ArchError: when there is no such file, or it is no YAML.
    """
    try:
        with open(path, encoding='utf-8') as file:
            text = file.read(MOST_TEXT + 1)
    except (OSError, ValueError) as error:  # no UTF-8, a zero in the name
        raise unreadable(path, error, ArchError, f'{what} in YAML') from None
    return read_yaml(text, str(path))


def load(text: str, where: str = 'arch') -> Arch:
    """The arch written in a YAML text."""
    return from_dict(read_yaml(text, where), where)


def from_file(path: str | Path) -> Arch:
    """The arch written in a YAML file."""
    return from_dict(read_yaml_file(path, 'an arch'), str(path))


def dump(arch: Arch) -> str:
    """YAML of an arch; `load(dump(arch)) == arch`."""
    return yaml.dump(arch.to_dict(), Dumper=_Dumper, sort_keys=False, width=1000)


class _Dumper(yaml.SafeDumper):
    """Block style outside, flow style for lists of numbers and switches."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        flat = all(not isinstance(item, dict) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=flat)


def list_archs(family: str | None = None) -> list[str]:
    """Names of all shipped archs, or of those of one family."""
    names = sorted(path.stem for path in resource('model_zoo/archs').glob('*.yaml'))
    return names if family is None else [name for name in names if named(name).family == family]


def named(name: str) -> Arch:
    """The shipped arch of this name, e.g. `named('scalenas_s1')`.

    Raises:
        ArchError: for an unknown name; says which are known.
    """
    known = list_archs()
    if name not in known:
        raise wrong('arch', known, name)
    return from_file(resource('model_zoo/archs') / f'{name}.yaml')


def find(what: Arch | Mapping[str, Any] | str, where: str = 'arch') -> Arch:
    """An arch from all that may name one: a zoo name, the path of a YAML file, plain data, an arch.

    Raises:
        ArchError: when it is none; `where` says in which option or key it stood.
    """
    if isinstance(what, str):
        return from_file(what) if what.endswith(('.yaml', '.yml')) else named(what)
    if isinstance(what, Mapping) or not hasattr(what, 'family'):
        return from_dict(what, where)
    return what
