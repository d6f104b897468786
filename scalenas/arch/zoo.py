"""Named archs: one YAML file each, shipped in model_zoo/archs."""

from __future__ import annotations

from scalenas.paths import resource

from .document import load_file
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


def find(what: str) -> Arch:
    """An arch by zoo name, or by path of a YAML file."""
    return load_file(what) if what.endswith(('.yaml', '.yml')) else named(what)
