"""A backbone in one file, for projects that do not want to install this package.

Written from the package's own sources (see `reach`); asks for torch and mmengine only.
"""

from __future__ import annotations

import inspect
import re

from scalenas.arch import Arch
from scalenas.family import family_of
from scalenas.version import __version__

from .reach import reached
from .text import as_source

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
