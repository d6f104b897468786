"""Units alone: they compute what they compute in the network, and their times add up to its own."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from scalenas.deploy import RuntimeStopwatch, measured_table, space_named, stopwatch
from scalenas.deploy.nets import backbone, deployed_backbone
from scalenas.deploy.units import as_net, space_units, unit_nets
from scalenas.errors import UserError
from scalenas.latency import Cache, LatencyTable, deployed_arch, unit_key, units_of
from scalenas.space import AbstractSpace, HRSpace, MBConvSpace, StageChoices
from tests.errors import raises
from tests.families.cases import UNETS, registered

from .lab import Lab, install, weights
from .test_timer import SPACE

STAGES = [StageChoices((16,), (1, 2), (3, 5), (1, 6), stride=2) for _ in range(2)]
CHAINS = MBConvSpace(STAGES, resolution=(32, 64), stem=(16,), conv_out=(32,))
TINY = HRSpace(8, (1,), (1, 2), stem=16, stage1_blocks=1, stage1_channels=8)
INNER = HRSpace.from_dict({**SPACE.to_dict(), 'inner_widths': (0.5, 1)})
SPACES = {
    'hrnet': (SPACE, (32, 64)),
    'inner': (INNER, (32, 64)),
    'mbconv': (CHAINS, None),
    'unet': (UNETS, (32, 32)),
}


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    return install(monkeypatch)


@pytest.mark.parametrize('name', SPACES)
def test_a_space_has_all_units_of_its_networks(name: str) -> None:
    space, size = SPACES[name]
    with registered():
        found = space_units(space, size)
        rng = random.Random('other')
        for _ in range(60):
            arch = space.sample(rng)
            assert {unit_key(u) for _, u in units_of(arch, size or arch.size)} <= set(found)
        assert list(found) == sorted(found)
        assert space_units(space, size) == found


def test_published_spaces_have_few() -> None:
    assert len(space_units(space_named('scalenet_base'), None)) == 140
    # Stem, 2 bottlenecks, 4 transitions, 4 blocks; 2, 3 * 3 and 4 * 7 rows of the stages.
    plain = space_units(space_named('scalenas_w32'), (128, 256))
    assert len(plain) == 11 + 2 + 9 + 28
    # Each of the four blocks also with half and three quarters of its channels inside.
    cut = space_units(space_named('scalenas_w32_inner'), (128, 256))
    assert {key for key in cut if not key.startswith('InnerBlock')} == {*plain}
    assert 'InnerBlock(channels=32, inner=24, size=(32, 64))' in cut
    assert len(cut) == len(plain) + 8


@pytest.mark.parametrize('name', SPACES)
def test_a_unit_alone_is_that_of_the_network(name: str) -> None:
    """Every convolution of the network is in one of its units, at the size that it runs at."""
    space, size = SPACES[name]
    with registered():
        arch = space.sample(random.Random(0)) if space is INNER else space.largest()
        at = size or arch.size
        nets = unit_nets(arch, at)
        assert list(nets) == list(dict.fromkeys(unit_key(u) for _, u in units_of(arch, at)))
        for _, unit in units_of(arch, at):
            net, channels, shape = as_net(nets[unit_key(unit)])
            seen = convolved(net, torch.randn(1, channels, *shape))
            planned = [(y.c_in, y.c_out, y.kernel, y.stride, y.size) for y in unit.layers()]
            assert sorted(seen) == sorted(planned)


def convolved(net: nn.Module, image: Tensor) -> list[tuple]:
    """Channels, kernel, stride and input size of the convolutions that a forward runs."""
    seen = []

    def hook(conv: nn.Conv2d, args: tuple[Tensor]) -> None:
        size = tuple(args[0].shape[2:])
        seen.append(
            (conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0], size)
        )

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(hook)
    with torch.no_grad():
        net(image)
    return seen


@pytest.mark.parametrize('upsample', ['nearest', 'bilinear'])
def test_units_in_a_row_are_the_network(upsample: str) -> None:
    """Stem, and a fusion of three branches, compute what they compute inside."""
    arch = SPACE.largest().with_(upsample=upsample)
    net: Any = deployed_backbone(arch, (32, 64))
    nets = unit_nets(arch, (32, 64))
    module = net.stage3[0]
    inputs: list[list] = []
    original = module._fused

    def fused_too(row, target, sources, given):
        inputs.append([row, target, sources, {k: v.clone() for k, v in enumerate(given)}])
        result = original(row, target, sources, given)
        inputs[-1].append(result)
        return result

    module._fused = fused_too
    image = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        net(image)
        stem_key = next(key for key in nets if key.startswith('Stem'))
        x = image
        for conv, norm in net._stem:
            x = torch.relu(net.get_submodule(norm)(net.get_submodule(conv)(x)))
        assert torch.allclose(nets[stem_key].module(image), x)
        checked = 0
        for unit in {unit_key(u): u for _, u in arch.units((32, 64))}.values():
            if type(unit).__name__ != 'FuseRow' or len(unit.channels) != 3:
                continue
            for row, target, sources, given, result in inputs:
                if (target, sources) == (unit.target, unit.sources):
                    alone = nets[unit_key(unit)].module
                    alone.row = row  # the weights of this step
                    flat = torch.cat(
                        [given[k].reshape(1, 1, 1, -1) for k in sorted((target, *sources))], -1
                    )
                    net_of, _, shape = as_net(nets[unit_key(unit)])
                    assert flat.shape[2:] == shape
                    assert torch.allclose(net_of(flat), result)
                    checked += 1
        assert checked >= 3


@pytest.mark.parametrize('name', SPACES)
def test_where_times_add_up_the_table_is_exact(name: str, lab: Lab, tmp_path: Path) -> None:
    space, size = SPACES[name]
    with registered():
        table = measured_table(space, size, RuntimeStopwatch('lab'), Cache(tmp_path), 4, 8)
        assert table.agreement is not None
        assert table.agreement.tau == pytest.approx(1.0)
        assert table.agreement.worst < 1e-6
        for n in range(5):
            arch = space.sample(random.Random(n))
            at = size or arch.size
            expected = 1e-3 * weights(backbone(deployed_arch(arch), at))
            assert table(arch, at) == pytest.approx(expected, rel=1e-5)


def test_overheads_are_corrected(lab: Lab, tmp_path: Path) -> None:
    """A call costs 2 ms, which each unit alone pays, and a network once."""
    lab.seconds = lambda net: 2e-3 + 1e-6 * weights(net)
    cache = Cache(tmp_path)
    table = measured_table(TINY, (32, 64), RuntimeStopwatch('lab'), cache, 4, 12)
    assert table.agreement is not None
    assert table.agreement.worst < 0.01
    bare = measured_table(TINY, (32, 64), RuntimeStopwatch('lab'), cache, 4, 0)
    assert bare.agreement is None
    arch = TINY.largest()
    expected = 2 + 1e-3 * weights(backbone(arch, (32, 64)))
    assert table(arch, (32, 64)) == pytest.approx(expected, rel=0.01)
    assert bare(arch, (32, 64)) > 1.4 * expected


def test_a_rare_unit_of_a_whole_network_is_measured(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('scalenas.deploy.units.PATIENCE', 1)
    table = measured_table(CHAINS, None, RuntimeStopwatch('lab'), Cache(tmp_path), 4, 6)
    assert table.agreement is not None
    assert table.agreement.worst < 1e-6


def test_what_is_too_little_to_judge_a_table(lab: Lab, tmp_path: Path) -> None:
    """Nothing is lost: the units are there, as without whole networks."""
    timer, cache = RuntimeStopwatch('lab'), Cache(tmp_path)
    one = TINY
    for name, gene in TINY.genes.items():
        one = one.where(name, gene.values[:1])
    assert one.size() == 1
    bare = measured_table(TINY, (32, 64), timer, cache, 3, 0)
    assert measured_table(TINY, (32, 64), timer, cache, 3, 8) == bare
    said: list[str] = []
    table = measured_table(one, (32, 64), timer, cache, 4, 8, say=said.append)
    assert table.agreement is None
    assert table(one.smallest(), (32, 64)) > 0
    assert said[-1].startswith('1 networks and 4 rounds')


def test_a_table_goes_on_where_it_stopped(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(folder: str) -> LatencyTable:
        cache = Cache(tmp_path / folder)
        return measured_table(TINY, (32, 64), RuntimeStopwatch('lab', runs=1), cache, 4, 4)

    whole = measured('whole')
    taken, units = len(lab.runs), len(whole.units)
    ticks = itertools.count()

    def stopping() -> float:
        if next(ticks) == 5 * units:  # twice a visit: in the third round of the units
            raise KeyboardInterrupt
        return lab.now

    monkeypatch.setitem(stopwatch.CLOCKS, 'wall', stopping)
    with pytest.raises(KeyboardInterrupt):
        measured('part')
    before = len(lab.runs)
    again = measured('part')
    assert len(lab.runs) - before < taken - 2 * units
    arch = TINY.largest()
    assert again(arch, (32, 64)) == pytest.approx(whole(arch, (32, 64)))
    before = len(lab.runs)
    assert measured('part') == again
    assert len(lab.runs) == before, 'nothing is measured twice'


def test_spaces_by_name_and_by_config(tmp_path: Path) -> None:
    config = 'configs/scalenas_seg/earth/search_w16_earth-96x96.py'
    assert isinstance(space_named(config), AbstractSpace)
    assert space_named('scalenet').family.name == 'mbconv'
    with raises(where='space'):
        space_named('nowhere')
    single = tmp_path / 'single.py'
    single.write_text("model = dict(type='X', backbone=dict(type='ScaleHRNet', arch='hrnet_w32'))")
    with raises(UserError, where=single):
        space_named(str(single))
