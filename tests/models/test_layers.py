"""Norms from a `norm_cfg`: the right class, and a mistake in one is a line."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from scalenas.models import ScaleHRNet
from scalenas.models.layers import make_norm, norm_abbreviation
from tests.errors import contains, raises


def test_the_settings_reach_the_norm() -> None:
    norm = make_norm({'type': 'BN', 'momentum': 0.3, 'eps': 1e-3, 'requires_grad': False}, 4)
    assert isinstance(norm, nn.BatchNorm2d)
    assert (norm.momentum, norm.eps, norm.num_features) == (0.3, 1e-3, 4)
    assert not any(param.requires_grad for param in norm.parameters())
    assert isinstance(make_norm({'type': 'GN', 'num_groups': 2}, 4), nn.GroupNorm)
    pytest.importorskip('mmcv')
    assert isinstance(make_norm({'type': 'IN2d'}, 4), nn.InstanceNorm2d)
    assert norm_abbreviation({'type': 'IN2d'}) == 'in'


@pytest.mark.parametrize(
    ('cfg', 'fields'),
    [
        ({'type': 'BM'}, {'where': 'norm_cfg.type', 'got': 'BM', 'allowed': contains('BN', 'GN')}),
        (
            {'type': 'BN', 'momentun': 0.1},
            {'where': 'norm_cfg', 'got': 'momentun', 'hint': contains("'momentum'")},
        ),
        ({'type': 'BN', 'num_features': 3}, {'where': 'norm_cfg', 'got': 'num_features'}),
        ({'type': 'GN'}, {'where': 'norm_cfg.num_groups', 'got': None}),
        (
            {'type': 'GN', 'num_groups': 3},
            {'where': 'norm_cfg.num_groups', 'got': 3, 'allowed': contains(64)},
        ),
        ({'type': 'IN2d', 'momentun': 0.1}, {'got': 'IN2d', 'names': ("'momentun'",)}),
        ({'momentum': 0.1}, {'where': 'norm_cfg', 'got': {'momentum': 0.1}}),
    ],
)
def test_a_mistake_is_one_line(cfg: dict[str, Any], fields: dict[str, Any]) -> None:
    if cfg.get('type') == 'IN2d':
        pytest.importorskip('mmcv')
    with raises(**fields):
        ScaleHRNet('hrnet_w18_small', norm_cfg=cfg)
