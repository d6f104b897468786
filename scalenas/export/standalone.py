"""A backbone in one file, for projects that do not want to install this package.

Written from the source code of the classes and all that they need, gathered from the package;
asks for torch and mmengine only.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scalenas.arch import Arch
from scalenas.family import family_of
from scalenas.version import __version__

from .text import as_source

Import = tuple[str, str | None, str | None]
"""Module, name in it (None: the module itself), and what it is called here (None: the same)."""


def reached(
    roots: Iterable[tuple[str, str]],
    needed: Iterable[Import],
    keep_whole: Sequence[str],
    called: Iterable[str],
) -> tuple[str, str]:
    """Import lines, and the definitions that `roots` (module, name) reach, each after its needs.

    Comes to rest at imports from other packages. Of a class, methods that nothing reached (nor
    `called`) names are left out, unless its module starts with one of `keep_whole`.
    """
    roots, attributes = list(roots), set(called)
    while True:
        walk = _Walk(attributes, tuple(keep_whole))
        for module, name in roots:
            walk.reach(module, name)
        if walk.attributes == attributes:
            break
        attributes = walk.attributes
    return _import_lines({*needed, *walk.imports}), '\n\n\n'.join(walk.sources)


@dataclass
class _Module:
    """One source file: its definitions, and where its names come from."""

    lines: list[str]
    definitions: dict[str, ast.stmt] = field(default_factory=dict)
    inner: dict[str, tuple[str, str]] = field(default_factory=dict)
    outer: dict[str, Import] = field(default_factory=dict)


class _Walk:
    """What one walk reaches while it keeps the methods called like one of `attributes`."""

    def __init__(self, attributes: set[str], keep_whole: tuple[str, ...]) -> None:
        self.sources: list[str] = []
        self.imports: set[Import] = set()
        self.attributes = set(attributes)
        self._kept, self._keep_whole = attributes, keep_whole
        self._modules: dict[str, _Module] = {}
        self._done: dict[str, str] = {}

    def reach(self, module: str, name: str) -> None:
        """Adds what `name` means in a module, unless it is builtin or local to a function."""
        if module not in self._modules:
            self._modules[module] = _read(module)
        file = self._modules[module]
        if name in file.inner:
            self.reach(*file.inner[name])
        elif name in file.outer:
            self.imports.add(file.outer[name])
        elif name in file.definitions and self._done.get(name) != module:
            assert name not in self._done, f'{name} is in {self._done[name]} and in {module}'
            self._done[name] = module
            node = file.definitions[name]
            whole = module.startswith(self._keep_whole) or _calls_back(node, file)
            dropped = [] if whole else list(self._dropped(node))
            hidden = {id(inner) for method in dropped for inner in ast.walk(method)}
            used = [inner for inner in ast.walk(node) if id(inner) not in hidden]
            self.attributes |= {inner.attr for inner in used if isinstance(inner, ast.Attribute)}
            for word in sorted({inner.id for inner in used if isinstance(inner, ast.Name)}):
                self.reach(module, word)
            self.sources.append(_source(node, dropped, file.lines))

    def _dropped(self, node: ast.stmt) -> Iterator[ast.FunctionDef]:
        for member in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(member, ast.FunctionDef):
                special = member.name.startswith('__') and member.name.endswith('__')
                if not special and member.name not in self._kept:
                    yield member


def _calls_back(node: ast.stmt, file: _Module) -> bool:
    """True for a class with a base from another package, which may call any of its methods."""
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    names = {inner.id for base in bases for inner in ast.walk(base) if isinstance(inner, ast.Name)}
    return any(file.outer[name][0] not in ('abc', 'typing') for name in names & set(file.outer))


def _source(node: ast.stmt, without: Iterable[ast.stmt], lines: list[str]) -> str:
    gone = {n for member in without for n in _span(member)}
    text = '\n'.join(lines[n - 1] for n in _span(node) if n not in gone)
    while '\n\n\n' in text:
        text = text.replace('\n\n\n', '\n\n')
    return text.rstrip()


def _span(node: ast.stmt) -> range:
    assert node.end_lineno is not None
    decorators = getattr(node, 'decorator_list', [])
    return range(min([node.lineno, *(d.lineno for d in decorators)]), node.end_lineno + 1)


def _read(module: str) -> _Module:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding='utf-8')
    file = _Module(text.splitlines())
    package = module.split('.') if spec.submodule_search_locations else module.split('.')[:-1]
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            file.definitions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            file.definitions |= {t.id: node for t in targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.Import):
            file.outer |= {a.asname or a.name: (a.name, None, a.asname) for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module != '__future__':
            base = package[: len(package) - node.level + 1] if node.level else []
            source = '.'.join([*base, *([node.module] if node.module else [])])
            for a in node.names:
                if source.split('.')[0] == package[0]:
                    file.inner[a.asname or a.name] = (source, a.name)
                else:
                    file.outer[a.asname or a.name] = (source, a.name, a.asname)
    return file


def _import_lines(imports: Iterable[Import]) -> str:
    names: dict[str, list[str]] = {}
    for module, name, known in sorted(imports, key=str):
        words = f'{name or module} as {known}' if known else name or module
        start = 'import ' if name is None else f'from {module} import '
        names.setdefault(start if name else f'{start}{words}', []).extend([words] if name else [])
    groups: tuple[list[str], list[str]] = ([], [])
    for start in sorted(names, key=lambda line: (line.startswith('from'), line)):
        standard = start.split()[1].split('.')[0] in sys.stdlib_module_names
        groups[not standard].append(start + ', '.join(names[start]))
    return '\n\n'.join('\n'.join(group) for group in groups if group)


MODULES = ('scalenas.models', 'scalenas.errors')
"""Whose classes torch or Python call by themselves: all of their methods are kept."""

HEAD = '''"""{name}: a backbone of the family {family} in one file, on torch and mmengine.

Written by scalenas {version}; the config NAME_standalone.py beside it uses it, with this folder on
PYTHONPATH. In a config of yours, add this file's module to `custom_imports` and set
`backbone=dict(type='{name}')`. Its weights are those under
`backbone.` in the exported checkpoint: `init_cfg=dict(type='Pretrained', checkpoint=...,
prefix='backbone.')`.
"""

from __future__ import annotations

'''

TAIL = '''

ARCH = {arch_type}.from_dict(
    {arch}
)


@MODELS.register_module(name={name!r})
class {name}({net}):
    """The network ARCH as a backbone; arguments as those of {net} but for the arch."""

    def __init__(self, **options: Any) -> None:
        super().__init__(ARCH, **options)
'''
NEEDED = (('mmengine.registry', 'MODELS', None), ('typing', 'Any', None))


def options_of(arch: Arch) -> tuple[str, ...]:
    """Arguments of the written class."""
    return tuple(inspect.signature(family_of(arch).standalone).parameters)[1:]


def module_name(name: str) -> str:
    """Name of the module of an export called `name`: one that can be imported."""
    return re.sub(r'\W', '_', name) + '_backbone'


def class_name(arch: Arch, name: str) -> str:
    """Registered name of the backbone of an export called `name`."""
    return f'{family_of(arch).net.__name__}_' + re.sub(r'\W', '_', name)


def standalone_source(arch: Arch, name: str) -> str:
    """Python source of a module that registers `arch` as `class_name(arch, name)` in mmengine."""
    family, kind = family_of(arch), type(arch)
    net = family.standalone
    roots = ((net.__module__, net.__name__), (kind.__module__, kind.__name__))
    imports, definitions = reached(roots, NEEDED, keep_whole=MODULES, called={'from_dict'})
    named = class_name(arch, name)
    head = HEAD.format(name=named, family=family.name, version=__version__)
    text = as_source(arch.to_dict(), 4)
    tail = TAIL.format(arch_type=kind.__name__, net=net.__name__, arch=text, name=named)
    return head + imports + '\n\n\n' + definitions + '\n' + tail
