"""An exported net in stock configs: what it computes there, and how their heads follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from scalenas import family_of
from scalenas.adoption import adopt
from scalenas.arch import dump, named
from scalenas.arch.hrnet import stock_hrnet
from scalenas.export import Source, transfer
from scalenas.export.text import as_config
from scalenas.models.checkpoint import save_plain
from tests.errors import raises

HRNET = stock_hrnet(8, (1, 1, 1), 1, 1)
PADDED = {
    'conv_cfg': {'type': 'Conv2dAdaptivePadding'},
    'norm_cfg': {'type': 'BN', 'eps': 1e-3},
}
POSE = 'mmpose::body_2d_keypoint'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def exported(arch: Any, **options: Any) -> torch.nn.Module:
    """best.pth, best.yaml and best.py of a net that was built with these options."""
    torch.manual_seed(0)
    net = family_of(arch).net(arch, **options)
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 2.0)
    save_plain(Path('best.pth'), {f'backbone.{k}': v for k, v in net.state_dict().items()})
    Path('best.yaml').write_text(dump(arch))
    backbone = {'type': f'scalenas.{type(net).__name__}', 'arch': arch.to_dict(), **options}
    Path('best.py').write_text(as_config({'model': {'backbone': backbone}}, 'exported'))
    return net.eval()


def built(config: str) -> Any:
    """The model of a config, with the weights that it names."""
    cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model.eval()


@pytest.mark.parametrize('options', [{}, PADDED], ids=['symmetric', 'padded'])
def test_an_efficientnet_computes_what_it_was_exported_with(
    place: Path, options: dict[str, Any]
) -> None:
    """Padding and the epsilon of norms are no weights."""
    net = exported(named('efficientnet_b0'), **options)
    adopt('best.pth', 'mmpretrain::efficientnet/efficientnet-b0_8xb32_in1k.py', 'mine.py')
    images = torch.rand(1, 3, 65, 65)
    with torch.no_grad():
        assert torch.equal(built('mine.py').backbone(images)[-1], net(images)[-1])
    transfer(Source.from_file('best.pth'), ['cls'])
    with torch.no_grad():
        assert torch.equal(built('best_cls.py').backbone(images)[-1], net(images)[-1])


def test_how_norms_are_trained_is_the_own_config_s(place: Path) -> None:
    exported(HRNET, norm_cfg={'type': 'BN', 'eps': 1e-3})
    adopt('best.pth', 'mmseg::hrnet/fcn_hr18s_4xb4-80k_ade20k-512x512.py', 'mine.py')
    norm = Config.fromfile('mine.py').model.backbone.norm_cfg
    assert norm == {'type': 'SyncBN', 'eps': 1e-3, 'requires_grad': True}


def test_heat_maps_keep_their_size(place: Path) -> None:
    """A ResNet's map has stride 32, and deconvolutions enlarge it; ours has stride 4."""
    exported(HRNET)
    adopt('best.pth', f'{POSE}/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py', 'm.py')
    model = built('m.py')
    with torch.no_grad():
        (maps,) = {tuple(model(torch.rand(1, 3, 256, 192), None, mode='tensor').shape)}
    assert maps == (1, 17, 64, 48)


def test_heads_that_know_the_size_of_their_map_follow(place: Path) -> None:
    exported(HRNET)
    adopt('best.pth', f'{POSE}/simcc/coco/simcc_res50_8xb64-210e_coco-256x192.py', 'm.py')
    model = built('m.py')
    with torch.no_grad():
        x, y = model(torch.rand(1, 3, 256, 192), None, mode='tensor')
    assert (x.shape, y.shape) == ((1, 17, 192 * 2), (1, 17, 256 * 2))


def test_a_head_of_one_map_reads_all(place: Path) -> None:
    exported(HRNET)
    lines = adopt('best.pth', 'mmseg::pspnet/pspnet_r50-d8_4xb4-80k_ade20k-512x512.py', 'm.py')
    model = built('m.py')
    assert model.decode_head.in_channels == 8 + 16 + 32 + 64
    assert not model.with_auxiliary_head
    assert any(line.startswith('model.auxiliary_head: ') for line in lines)
    with torch.no_grad():
        assert model(torch.rand(1, 3, 64, 64), None, mode='tensor').shape == (1, 150, 16, 16)


def test_necks_that_join_all_maps_follow(place: Path) -> None:
    """HRNetV2 for hands: the maps joined, and enlarged bilinearly."""
    exported(HRNET)
    folder = 'mmpose::hand_2d_keypoint/topdown_heatmap/onehand10k'
    adopt('best.pth', f'{folder}/td-hm_hrnetv2-w18_8xb64-210e_onehand10k-256x256.py', 'm.py')
    model = built('m.py')
    assert model.head.in_channels == 8 + 16 + 32 + 64
    with torch.no_grad():
        assert model(torch.rand(1, 3, 64, 64), None, mode='tensor').shape == (1, 21, 16, 16)


def test_the_arch_may_be_named(place: Path) -> None:
    net = exported(HRNET)
    Path('best.yaml').rename('other.yaml')
    stock = 'mmseg::hrnet/fcn_hr18s_4xb4-80k_ade20k-512x512.py'
    with raises(where='best.pth'):
        adopt('best.pth', stock, 'm.py')
    adopt('best.pth', stock, 'm.py', arch_of='other.yaml')
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(built('m.py').backbone(images)[0], net(images)[0])
