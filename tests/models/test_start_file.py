"""`init_cfg` of type Pretrained: a backbone reads its file before mmengine, in whoever's tool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from scalenas.errors import CheckpointError
from scalenas.models import (
    ScaleHRNet,
    ScaleMBConvNet,
    ScaleRegNet,
    SuperMBConvNet,
    SuperScaleHRNet,
)
from scalenas.models.start_file import check_foreign_start
from tests.errors import raises

from .mbconv_nets import BIG
from .test_families import SMALL_MB, SMALL_Y
from .world import DEMO

NETS: dict[str, Callable[..., Any]] = {
    'hrnet': lambda **o: ScaleHRNet(DEMO.smallest(), **o),
    'super-hrnet': lambda **o: SuperScaleHRNet(DEMO, **o),
    'mbconv': lambda **o: ScaleMBConvNet(SMALL_MB, **o),
    'regnet': lambda **o: ScaleRegNet(SMALL_Y, **o),
    'super-mbconv': lambda **o: SuperMBConvNet(BIG, resize=True, **o),
}


@pytest.mark.parametrize('kind', NETS)
def test_a_file_that_cannot_be_trusted_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'net.pth'
    init = {'type': 'Pretrained', 'checkpoint': str(path), 'prefix': 'backbone.'}
    state = {f'backbone.{k}': v for k, v in NETS[kind]().state_dict().items()}
    torch.save({'state_dict': state}, path)
    net = NETS[kind](init_cfg=init)
    net.init_weights()
    assert all(torch.equal(v, state[f'backbone.{k}']) for k, v in net.state_dict().items())
    last = [key for key, value in state.items() if value.is_floating_point()][-1]
    broken = {**state, last: state[last].clone().fill_(float('nan'))}
    torch.save({'state_dict': broken}, path)
    with pytest.raises(CheckpointError) as error:
        NETS[kind](init_cfg=init).init_weights()
    assert error.value.where.endswith(f'init_cfg: {path}')
    assert repr(last) in error.value.problem
    integers = {**state, last: (state[last] * 9).to(torch.int8)}
    torch.save({'state_dict': integers}, path)
    with pytest.raises(CheckpointError):
        NETS[kind](pretrained=str(path)).init_weights()


def test_a_damaged_file_is_seen_whoever_reads_it(tmp_path: Path) -> None:
    """Modules of other packages convert what they read, but not from broken files."""
    path = tmp_path / 'net.pth'
    torch.save({'model': {'any': torch.rand(9000)}, 'args': nn.Linear(1, 1)}, path)
    module = nn.Linear(1, 1)
    module.init_cfg = {'type': 'Pretrained', 'checkpoint': str(path)}
    check_foreign_start(module, 'model.backbone.init_cfg')
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)
    with raises(
        CheckpointError,
        where=f'model.backbone.init_cfg: {path}',
        problem=lambda text: text.startswith('damaged'),
    ):
        check_foreign_start(module, 'model.backbone.init_cfg')
    path.write_bytes(b'of another kind')
    check_foreign_start(module, 'model.backbone.init_cfg')
    module.init_cfg = {'type': 'Pretrained', 'checkpoint': 'https://x/y.pth'}
    check_foreign_start(module, 'model.backbone.init_cfg')
