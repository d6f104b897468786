"""Necks and heads of a task model that take the maps of an HRNet-style backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scalenas.errors import ExportError

FUSED = 2048
"""Channels that mmpretrain's HRFuseScales brings all maps to, as HRNet's classifier does."""


def fit_hrnet(model: dict[str, Any], channels: Sequence[int]) -> None:
    """Sets in `model`, a detector, pose estimator or classifier, what follows the maps' channels.

    Raises:
        ExportError: for a model of another kind.
    """
    neck, head = model.get('neck') or {}, model.get('head') or {}
    if isinstance(neck, dict) and neck.get('type') == 'HRFPN':
        neck['in_channels'] = list(channels)
    elif head.get('type') == 'LinearClsHead':
        fuse = {'type': 'HRFuseScales', 'in_channels': tuple(channels), 'out_channels': FUSED}
        model['neck'] = [fuse, {'type': 'GlobalAveragePooling'}]
        head['in_channels'] = FUSED
    elif isinstance(head.get('in_channels'), int) and not neck:
        head['in_channels'] = channels[0]
    else:
        raise ExportError(
            f'config: a {model.get("type")} whose neck is {_kind(neck)} and whose head is '
            f"{_kind(head)} cannot take the maps of an HRNet-style net; use neck 'HRFPN', head "
            "'LinearClsHead', or a head with in_channels and no neck"
        )


def _kind(part: Any) -> str:
    return repr(part.get('type')) if isinstance(part, dict) and part else 'none of the known'
