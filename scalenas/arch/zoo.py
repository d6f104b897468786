"""Named archs: one YAML file each, shipped in model_zoo/archs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scalenas.paths import resource

from .document import from_dict, load_file
from .layer import Arch
from .strict import wrong


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
    return load_file(resource('model_zoo/archs') / f'{name}.yaml')


def find(what: Arch | Mapping[str, Any] | str, where: str = 'arch') -> Arch:
    """An arch from all that may name one: a zoo name, the path of a YAML file, plain data, an arch.

    Raises:
        ArchError: when it is none; `where` says in which option or key it stood.
    """
    if isinstance(what, str):
        return load_file(what) if what.endswith(('.yaml', '.yml')) else named(what)
    if isinstance(what, Mapping) or not hasattr(what, 'family'):
        return from_dict(what, where)
    return what
