"""Archs as text: strict YAML in and out, for files, configs and checkpoints."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from .hrnet import HRArch
from .layer import Arch
from .mbconv import MBConvArch
from .regnet import RegNetArch
from .strict import ArchError, as_choice

A = TypeVar('A', bound=Arch)

FAMILIES: dict[str, type[Arch]] = {
    HRArch.family: HRArch,
    MBConvArch.family: MBConvArch,
    RegNetArch.family: RegNetArch,
}
"""Family name -> the class of its archs. A new family is one more entry."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise ArchError(f'key {key!r} is not a word, line {key_node.start_mark.line + 1}')
            if key in seen:
                raise ArchError(f'key {key!r} stands twice, line {key_node.start_mark.line + 1}')
            seen.add(key)
        return super().construct_mapping(node, deep)


def from_dict(data: object, where: str = 'arch') -> Arch:
    """The arch that plain data (from YAML, a config or a checkpoint) describes.

    Raises:
        ArchError: one line that says what is wrong and what is allowed.
    """
    if not isinstance(data, dict) or 'family' not in data:
        raise ArchError(
            f"{where}: not an arch: expected a mapping with 'family' ({', '.join(FAMILIES)})"
        )
    family = as_choice(data['family'], f'{where}.family', tuple(FAMILIES))
    return FAMILIES[family].from_dict(data, where)


def of_family(arch: Arch, family: type[A], where: str = 'arch') -> A:
    """`arch`, if it belongs to the family of this class.

    Raises:
        ArchError: for another family.
    """
    if not isinstance(arch, family):
        raise ArchError(f'{where}: expected family {family.family}, got {arch.family}')
    return arch


def read_yaml(text: str, where: str) -> object:
    """The plain data of a YAML text, in which no key stands twice.

    Raises:
        ArchError: when it is no such text.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise ArchError(f'{where}: not YAML: {" ".join(str(error).split())}') from None
    except ArchError as error:
        raise ArchError(f'{where}: {error}') from None
    except (ValueError, RecursionError) as error:  # a date that is none, a thousand brackets
        raise ArchError(f'{where}: not YAML that can be read: {error}') from None


def read_yaml_file(path: str | Path, what: str) -> object:
    """The plain data of a YAML file that should hold `what`.

    Raises:
        ArchError: when there is no such file, or it is no YAML.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except FileNotFoundError:
        raise ArchError(f'{path}: no such file; expected {what} in YAML') from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArchError(f'{path}: cannot be read as {what} in YAML: {error}') from None
    return read_yaml(text, str(path))


def load(text: str, where: str = 'arch') -> Arch:
    """The arch written in a YAML text."""
    return from_dict(read_yaml(text, where), where)


def load_file(path: str | Path) -> Arch:
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
