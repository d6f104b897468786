"""How the sub-nets that a config validates are called: `largest/coco/AP` begins with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DEFAULT_ARCHS = ('smallest', 'largest')
"""What `scalenas.SubnetValLoop` validates, if nobody says otherwise."""


def subnet_name(choice: object, position: int) -> str:
    """How a sub-net that a config lists at this position (from 1) is called."""
    if isinstance(choice, str):
        return choice.replace('\\', '/').split('/')[-1].removesuffix('.yaml')
    return f'net{position}'


def subnet_names(loop: Mapping[str, Any]) -> list[str]:
    """The sub-nets of a `val_cfg`; none where it is not a SubnetValLoop."""
    if str(loop.get('type')).split('.')[-1] != 'SubnetValLoop':
        return []
    archs = loop.get('archs', DEFAULT_ARCHS)
    return [subnet_name(arch, n) for n, arch in enumerate(archs, 1)] if _listed(archs) else []


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
