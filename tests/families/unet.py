"""The family of docs/adding_a_family.md, imported as the file that the page says it is."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import scalenas.family

PAGE = Path(__file__).resolve().parents[2] / 'docs/adding_a_family.md'
BLOCKS: list[str] = re.findall(r'```python\n(.*?)```', PAGE.read_text(encoding='utf-8'), re.S)
CONFIG = next(block for block in BLOCKS if block.startswith('# mine/unet.py\n'))
SOURCE = '\n\n'.join(block for block in BLOCKS if block is not CONFIG)
NAME = 'unet_family'


def load(folder: Path) -> ModuleType:
    """The module, from a file in `folder`; the families that were registered are so again."""
    if NAME not in sys.modules:
        path = folder / f'{NAME}.py'
        path.write_text(SOURCE, encoding='utf-8')
        spec = importlib.util.spec_from_file_location(NAME, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[NAME] = importlib.util.module_from_spec(spec)
        before = dict(scalenas.family._REGISTERED)
        spec.loader.exec_module(module)
        scalenas.family._REGISTERED.clear()
        scalenas.family._REGISTERED.update(before)
    return sys.modules[NAME]
