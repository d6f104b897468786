"""What the steps of the demos run: this package's tools, and those of the OpenMMLab packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from scalenas.errors import UserError
from scalenas.paths import resource
from scalenas.pipeline import Step, tool_command


def stock_tool(package: str, tool: str) -> Path:
    """A tool that an installed OpenMMLab package brings, such as mmseg's test.py.

    Raises:
        UserError: when the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError('is not installed', where=package, hint='see docs/install.md')
    return Path(spec.origin).parent / '.mim/tools' / tool


def get_data(name: str, folder: Path) -> Step:
    """The step that makes demo data."""
    return Step(
        f'get the data: {name}',
        tool_command('get_demo_data.py', name, '--out', folder),
        makes=(folder / 'meta.json',),
    )


def configs_in(*folders: str) -> list[Path]:
    """All that a config of these folders may inherit: a change of any counts."""
    folders_read = (resource('configs/_base_'), *map(resource, folders))
    return [path for folder in folders_read for path in sorted(folder.rglob('*.py'))]
