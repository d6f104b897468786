"""Norms from a `norm_cfg`: the right class, and a mistake in one is a line."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from scalenas.errors import UserError
from scalenas.models import ScaleHRNet
from scalenas.models.layers import make_norm, norm_abbreviation


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
    ('cfg', 'words'),
    [
        ({'type': 'BM'}, r"no norm is called 'BM' \(allowed: BN, "),
        ({'type': 'BN', 'momentun': 0.1}, "unknown key 'momentun' .*did you mean 'momentum'"),
        ({'type': 'BN', 'num_features': 3}, "unknown key 'num_features'"),
        ({'type': 'GN'}, 'num_groups: expected a divisor .*got None'),
        ({'type': 'GN', 'num_groups': 3}, 'num_groups: expected a divisor .* 64, got 3'),
        ({'type': 'IN2d', 'momentun': 0.1}, "'IN2d' does not take these keys: .*'momentun'"),
        ({'momentum': 0.1}, 'norm_cfg: expected dict'),
    ],
)
def test_a_mistake_is_one_line(cfg: dict[str, Any], words: str) -> None:
    if cfg.get('type') == 'IN2d':
        pytest.importorskip('mmcv')
    with pytest.raises(UserError, match=words) as caught:
        ScaleHRNet('hrnet_w18_small', norm_cfg=cfg)
    assert '\n' not in str(caught.value)
