"""What an MBConv supernet takes and gives: images of any resolution, maps; what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from scalenas.arch import ArchError
from scalenas.models import SuperMBConvNet
from scalenas.models.weight_slices import window
from scalenas.space import SpaceError
from tests.errors import check_line, contains, raises

from .mbconv_nets import BIG, SCALED, X, net_of
from .world import pictures


def test_maps_of_every_step() -> None:
    space = BIG.where('resolution', (32,))
    net = SuperMBConvNet(space, resize=True, out_indices=(0, 1, 3)).eval()
    with net.active(space.smallest()), torch.no_grad():
        maps = net(X.float())
    assert [tuple(y.shape[1:]) for y in maps] == [(6, 16, 16), (8, 16, 16), (12, 8, 8)]
    frozen = SuperMBConvNet(BIG, resize=True, frozen_stages=1).train()
    assert not any(p.requires_grad for s in frozen.steps[:2] for p in s.parameters())
    assert all(p.requires_grad for s in frozen.steps[2:] for p in s.parameters())


def test_one_crop_serves_all_resolutions() -> None:
    net = net_of('one', 'bignas')
    seen: list[tuple[int, ...]] = []
    handle = net.steps[0].bn.register_forward_hook(lambda m, i, o: seen.append(o.shape[2:]))
    for side in BIG.resolution:
        with torch.no_grad(), net.active(BIG.largest().with_(resolution=side)):
            net(X)
    handle.remove()
    assert seen == [(12, 12), (16, 16), (20, 20)]


def test_resized_images_are_those_of_pil() -> None:
    from PIL import Image

    from scalenas.models.staged import resized

    image = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    for side in (24, 40, 64):
        pil = Image.fromarray(image[0, 0].numpy(), mode='F').resize((side, side), Image.BICUBIC)
        wanted = torch.from_numpy(np.asarray(pil).copy())[None, None]
        torch.testing.assert_close(resized(image, side), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ('size', 'allowed'),
    [((32, 24), contains('square')), ((16, 16), contains('20 pixels'))],
)
def test_a_crop_that_cannot_give_the_largest_resolution_is_refused_at_once(
    size: tuple[int, int], allowed: Callable[[object], bool]
) -> None:
    net = net_of('one', 'bignas')
    refused = raises(where='resize', got=size, allowed=allowed, names=('40x40',))
    # Even when the network of this step could live with it.
    with net.active(BIG.smallest()), refused:
        net(pictures(1, 3, *size))


@pytest.mark.parametrize(
    ('options', 'fields'),
    [
        ({'resize': False}, {'where': 'resize', 'got': False, 'allowed': contains('3')}),
        ({'align': 'middle'}, {'where': 'align', 'got': 'middle'}),
        ({'align': 'right'}, {'where': 'align', 'got': 'right', 'hint': contains('conv_out')}),
        ({'align': 'both'}, {'where': 'align', 'got': 'both', 'hint': contains('conv_out')}),
        ({'align_seed': -1}, {'where': 'align_seed', 'got': -1}),
        (
            {'norm_cfg': {'type': 'GN', 'num_groups': 2}},
            {'where': 'norm_cfg.type', 'got': 'GN', 'allowed': contains('BN')},
        ),
        ({'frozen_stages': 9}, {'where': 'frozen_stages', 'got': 9, 'allowed': contains(-1)}),
        ({'out_indices': (7,)}, {'where': 'out_indices', 'got': (7,)}),
        ({'space': {'family': 'mbcov'}}, {'got': 'mbcov', 'hint': contains("'mbconv'")}),
        ({'space': {'family': 'hrnet'}}, {'names': ('space', 'MBConv', 'hrnet')}),
        ({'space': None}, {'where': 'space.family'}),
    ],
)
def test_mistakes_get_one_line(options: dict[str, Any], fields: dict[str, Any]) -> None:
    with raises(ArchError, **fields):
        SuperMBConvNet(**{'space': BIG, 'resize': True, **options})


def test_a_foreign_arch_is_refused_at_once() -> None:
    net = net_of('one', 'bignas')
    for wrong in ('bignas_s', SCALED.smallest(), BIG.largest().with_(resolution=25)):
        with pytest.raises(SpaceError) as caught, net.active(wrong):
            pass
        check_line(caught.value)
        assert net.active_arch == BIG.largest()


def test_a_kernel_that_is_not_nested_is_refused() -> None:
    assert window((4, 1, 3, 3), (6, 1, 7, 7))[2] == slice(2, 5)
    with raises(got=4, allowed=contains('7x7')):
        window((4, 1, 4, 4), (6, 1, 7, 7))
    with raises(got=7, allowed=contains('5x5')):
        window((4, 1, 7, 7), (6, 1, 5, 5))
    with raises(got=8, allowed='1 ... 6'):
        window((8, 1, 3, 3), (6, 1, 3, 3))


def test_a_sub_space_has_the_weights_of_the_whole() -> None:
    part = BIG.where('*.depth', (1,)).where('*.kernel', (3,)).where('resolution', (24,))
    with torch.device('meta'):
        whole, net = SuperMBConvNet(BIG, resize=True), SuperMBConvNet(part.to_dict(), resize=True)
    shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (whole, net)]
    assert shapes[0] == shapes[1]
    assert net.active_arch == part.largest()
    with pytest.raises(SpaceError), net.active(BIG.largest()):
        pass
