"""Without dead blocks and fusions a network computes the same, and nothing dead is left."""

from __future__ import annotations

import random

import pytest
import torch

from scalenas.arch import HRArch, HRModule, HRStage, PoseHead, named, pruned
from scalenas.complexity import SCALENAS, Counter
from scalenas.models import ScaleHRNet, SuperScaleHRNet, slice_state_dict
from scalenas.space import HRSpace

from .world import lively, pictures

SPACE = HRSpace(
    width=4,
    num_modules=(1, 1, 2),
    depth=(1, 2, 4),
    stem=8,
    stage1_blocks=1,
    stage1_channels=4,
    output='single',
)


INNER = HRSpace.from_dict({**SPACE.to_dict(), 'width': 8, 'inner_widths': (0.5, 1)})


def wasteful(seed: int, space: HRSpace = SPACE) -> HRArch:
    """An arch of the space with blocks after the last one of branch 0."""
    rng = random.Random(seed)
    while True:
        arch = space.sample(rng)
        last = arch.modules[-1]
        if max(last.depths) > last.depths[0]:
            return arch


def free(seed: int) -> HRArch:
    """An arch outside the single-output rule: its last module has no fusions at all."""
    arch = wasteful(seed)
    *modules, last = arch.stages[-1].modules
    bare = HRModule(last.depths, tuple(((),) * 4 for _ in last.fusions))
    stage = HRStage(arch.stages[-1].channels, (*modules, bare))
    return arch.with_(stages=(*arch.stages[:-1], stage))


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('space', [SPACE, INNER], ids=['plain', 'inner'])
def test_the_pruned_net_gives_the_same_bits(seed: int, space: HRSpace) -> None:
    whole = wasteful(seed, space)
    left = pruned(whole)
    supernet = lively(SuperScaleHRNet(space))
    x = pictures(2, 3, 64, 96)
    with torch.no_grad(), supernet.active(whole):
        (wanted,) = supernet(x)
    for arch in (whole, left):
        static = ScaleHRNet(arch).double().eval()
        static.load_state_dict(slice_state_dict(supernet.state_dict(), space, arch, ''))
        with torch.no_grad():
            assert torch.equal(static(x)[0], wanted)
    assert wanted.abs().max() > 0.1


@pytest.mark.parametrize('make', [wasteful, free])
@pytest.mark.parametrize('seed', range(4))
def test_what_is_pruned_is_what_gets_no_gradient(seed: int, make) -> None:
    """Autograd finds the dead weights on its own; pruning leaves none and takes no other."""
    whole = make(seed)
    counter = Counter((64, 64))
    dead = {}
    for arch in (whole, pruned(whole)):
        net = ScaleHRNet(arch).train()
        net(pictures(2, 3, 64, 64).float())[0].square().mean().backward()
        dead[arch] = sum(p.numel() for p in net.parameters() if p.grad is None)
    saved = counter(whole)['params'] - counter(pruned(whole))['params']
    if make is wasteful:
        assert dead[pruned(whole)] == 0
        assert saved == dead[whole] > 0
    else:
        # Branches that nobody reads must keep a block each, and what opens them.
        assert 0 < saved == dead[whole] - dead[pruned(whole)]


def test_the_result_is_in_the_space_and_stays() -> None:
    rng = random.Random(0)
    for space in (SPACE, INNER):
        for _ in range(200):
            arch = space.sample(rng)
            assert pruned(arch) in space
            assert pruned(pruned(arch)) == pruned(arch)
            assert [m.inner for m in pruned(arch).modules] == [m.inner for m in arch.modules]


@pytest.mark.parametrize(
    ('name', 'blocks', 'fusions', 'params', 'gimac'),
    [
        ('p1', 1, 1, '0.090', '0.053'),
        ('p2', 1, 3, '0.117', '0.068'),
        ('p3', 0, 0, '0.000', '0.000'),
        ('p4', 0, 0, '0.000', '0.000'),
    ],
)
def test_the_published_pose_nets(name: str, blocks: int, fusions: int, params: str, gimac: str):
    """The savings of the nets that the authors released, at 256x192."""
    arch = named(f'scalenas_{name}')
    left = pruned(arch)
    assert arch.num_blocks - left.num_blocks == blocks
    assert arch.num_fusions - left.num_fusions == fusions
    counter = Counter((256, 192), PoseHead(17))
    saved = counter(arch) - counter(left)
    assert (f'{saved["params"] / 1e6:.3f}', f'{saved.gmacs(SCALENAS):.3f}') == (params, gimac)


@pytest.mark.parametrize('name', ['scalenas_s1', 'hrnet_w32', 'hrnet_w32_single'])
def test_where_all_is_read_nothing_goes(name: str) -> None:
    assert pruned(named(name)) == named(name)
