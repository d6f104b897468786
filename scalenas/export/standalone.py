"""A backbone in one file, for projects that do not want to install this package.

Written from the package's own sources (see `reach`); asks for torch and mmengine only.
"""

from __future__ import annotations

import re

from scalenas.arch import HRArch
from scalenas.version import __version__

from .reach import reached
from .text import as_source

ROOTS = (('scalenas.models.hrnet', 'AbstractHRNet'), ('scalenas.arch.hrnet', 'HRArch'))
MODULES = ('scalenas.models', 'scalenas.errors')
"""Whose classes torch or Python call by themselves: all of their methods are kept."""

HEAD = '''"""{name}: an HRNet-style backbone in one file, on torch and mmengine.

Written by scalenas {version}; the config NAME_standalone.py beside it uses it, with this folder on
PYTHONPATH. In a config of yours, add this file's module to `custom_imports` and set
`backbone=dict(type='{name}')`. Its weights are those under
`backbone.` in the exported checkpoint: `init_cfg=dict(type='Pretrained', checkpoint=...,
prefix='backbone.')`.
"""

from __future__ import annotations

'''

TAIL = '''

ARCH = HRArch.from_dict(
    {arch}
)


@MODELS.register_module(name={name!r})
class {name}(AbstractHRNet):
    """The network ARCH as a backbone; arguments as those of HRNet."""

    def __init__(
        self,
        conv_cfg: Mapping[str, Any] | None = None,
        norm_cfg: Mapping[str, Any] | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        frozen_stages: int = -1,
        pretrained: str | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(
            ARCH,
            ARCH,
            False,
            conv_cfg,
            norm_cfg,
            norm_eval,
            with_cp,
            zero_init_residual,
            frozen_stages,
            pretrained,
            init_cfg,
        )
'''
NEEDED = (
    ('mmengine.registry', 'MODELS', None),
    ('collections.abc', 'Mapping', None),
    ('typing', 'Any', None),
)


OPTIONS = (
    'conv_cfg',
    'norm_cfg',
    'norm_eval',
    'with_cp',
    'zero_init_residual',
    'frozen_stages',
    'pretrained',
    'init_cfg',
)
"""Arguments of the written class."""


def module_name(name: str) -> str:
    """Name of the module of an export called `name`: one that can be imported."""
    return re.sub(r'\W', '_', name) + '_backbone'


def class_name(name: str) -> str:
    """Registered name of the backbone of an export called `name`."""
    return 'ScaleHRNet_' + re.sub(r'\W', '_', name)


def standalone_source(arch: HRArch, name: str) -> str:
    """Python source of a module that registers `arch` as `class_name(name)` in mmengine."""
    imports, definitions = reached(ROOTS, NEEDED, keep_whole=MODULES, called={'from_dict'})
    head = HEAD.format(name=class_name(name), version=__version__)
    tail = TAIL.format(arch=as_source(arch.to_dict(), 4), name=class_name(name))
    return head + imports + '\n\n\n' + definitions + '\n' + tail
