"""HRNet-style networks as values: invariants, shapes, the plan, stock HRNet, the zoo."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
from hypothesis import given

from scalenas.arch import (
    ArchError,
    Feature,
    HRArch,
    HRModule,
    HRStage,
    PoseHead,
    SegHead,
    list_archs,
    module_of,
    named,
    stock_hrnet,
)
from tests.errors import contains, raises
from tests.strategies import hr_archs, hr_modules, sizes

# Residual blocks without the four of stage 1, and fusions, of the released networks.
BLOCKS_AND_FUSIONS = {
    'scalenas_s1': (68, 95),
    'scalenas_s2': (83, 127),
    'scalenas_s3': (79, 76),
    'scalenas_s4': (96, 94),
    'scalenas_p1': (91, 130),
    'scalenas_p2': (107, 165),
    'scalenas_p3': (82, 113),
    'scalenas_p4': (92, 139),
}


@pytest.mark.parametrize(
    ('depths', 'fusions', 'where', 'got', 'allowed'),
    [
        ((), (), 'depths', (), 'at least one branch'),
        ((0, 1), (((), ()),), 'depths[0]', 0, 'a whole number >= 1'),
        ((1, True), (((), ()),), 'depths[1]', True, 'a whole number >= 1'),
        ((1, 2), (((), ()),), 'fusions', 1, contains('2 steps')),
        ((1, 1), (((),),), 'fusions[0]', 1, '2 rows, one per branch'),
        ((1, 1), (((0,), ()),), 'fusions[0][0]', 0, (1,)),
        ((1, 1), (((2,), ()),), 'fusions[0][0]', 2, (1,)),
        ((1, 1, 1), (((2, 1), (), ()),), 'fusions[0][0]', (2, 1), contains('ascending')),
        ((1, 1), (((1, 1), ()),), 'fusions[0][0]', (1, 1), contains('distinct')),
        ((1, 1), (((True,), ()),), 'fusions[0][0]', True, (1,)),
        ((1, 2), (((), ()), ((1,), ())), 'fusions[1][0]', (1,), contains('branch 0 has 1')),
    ],
)
def test_a_bad_module_cannot_exist(
    depths: tuple, fusions: tuple, where: str, got: object, allowed: object
) -> None:
    HRModule((1, 1), (((1,), ()),))  # rows that are known are no excuse for equal ones
    with raises(ArchError, where=where, got=got, allowed=allowed):
        HRModule(depths, fusions)


@given(hr_modules(3))
def test_a_module_made_again_is_the_same(module: HRModule) -> None:
    """Also from another process, and of lists."""
    lists = [[list(sources) for sources in rows] for rows in module.fusions]
    for again in (
        pickle.loads(pickle.dumps(module)),
        copy.deepcopy(module),
        HRModule(module.depths, tuple(lists)),  # type: ignore[arg-type]
    ):
        assert again == module
        assert hash(again) == hash(module)
        assert again.tally == module.tally


def test_a_tally_by_hand() -> None:
    """Blocks, then 0<-1, 0<-2, 1<-0, 1<-2, 2<-0, 2<-1."""
    rows = ((1,), (0, 2), ())
    module = HRModule((3, 2, 1), (rows, rows, ((1, 2), (), ())))
    fields = [module.tally >> 16 * n & 0xFFFF for n in range(10)]
    assert fields == [3, 2, 1, 3, 1, 2, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ('inner', 'where', 'got', 'allowed'),
    [
        ((4,), 'inner', (4,), '2 numbers, one per branch'),
        ((4, 0), 'inner[1]', 0, 'a whole number >= 1'),
        ((True, 4), 'inner[0]', True, 'a whole number >= 1'),
    ],
)
def test_bad_inner_channels_cannot_exist(
    inner: tuple, where: str, got: object, allowed: object
) -> None:
    with raises(ArchError, where=where, got=got, allowed=allowed):
        HRModule((1, 1), (((), ()),), inner)
    data = {'depths': [1, 1], 'fusions': [[]], 'inner': list(inner)}
    with raises(ArchError, where=f'm.{where}', got=got):
        HRModule.from_dict(data, 'm')
    for none in ([], None, 4):
        with raises(ArchError, where='m.inner', got=none):
            HRModule.from_dict({**data, 'inner': none}, 'm')


def test_blocks_with_other_channels_inside() -> None:
    """conv1 goes to the inner channels, conv2 back; fusions and outputs are those of HRNet."""
    plain = module_of([2, 1], (-1,))
    other = dataclasses.replace(plain, inner=(12, 64))
    arch = HRArch((HRStage((16, 32), (other, plain)),), stage1_blocks=1)
    stock = HRArch((HRStage((16, 32), (plain, plain)),), stage1_blocks=1)
    ours, theirs = ({x.name: x for x in a.layers((64, 64))} for a in (arch, stock))
    changed = {n: (x.c_in, x.c_out) for n, x in ours.items() if x != theirs[n]}
    assert changed == {
        'stage2.0.branches.0.0.conv1': (16, 12),
        'stage2.0.branches.0.0.conv2': (12, 16),
        'stage2.0.branches.0.1.conv1': (16, 12),
        'stage2.0.branches.0.1.conv2': (12, 16),
        'stage2.0.branches.1.0.conv1': (32, 64),
        'stage2.0.branches.1.0.conv2': (64, 32),
    }
    assert arch.features((64, 64)) == stock.features((64, 64))
    assert HRArch.from_dict(arch.to_dict()) == arch != stock


def test_inner_channels_of_the_branches_are_no_other_network() -> None:
    plain = module_of([2, 1], (-1,))
    stage = HRStage((16, 32), (dataclasses.replace(plain, inner=(16, 32)), plain))
    assert stage == HRStage((16, 32), (plain, plain))
    assert hash(stage) == hash(HRStage((16, 32), (plain, plain)))
    assert 'inner' not in str(stage.to_dict())


def test_archs_are_frozen_values() -> None:
    arch = named('scalenas_s1')
    with pytest.raises(dataclasses.FrozenInstanceError):
        arch.stem = 3  # type: ignore[misc]
    assert arch.with_(stem=32) != arch
    assert arch.stem == 64
    assert len({arch, named('scalenas_s1'), arch.with_()}) == 1


def test_the_zoo_holds_the_published_and_the_stock_nets() -> None:
    stock = ['hrnet_w18', 'hrnet_w18_small', 'hrnet_w32', 'hrnet_w48']
    single = ['hrnet_w18_single', 'hrnet_w32_single', 'hrnet_w48_single']
    assert list_archs('hrnet') == sorted([*BLOCKS_AND_FUSIONS, *stock, *single])


@pytest.mark.parametrize('name', BLOCKS_AND_FUSIONS)
def test_published_nets_have_the_released_blocks_and_fusions(name: str) -> None:
    arch = named(name)
    assert (arch.num_blocks - arch.stage1_blocks, arch.num_fusions) == BLOCKS_AND_FUSIONS[name]
    assert arch.output == ('multi' if name[9] == 's' else 'single')
    assert arch.upsample == 'nearest'


@pytest.mark.parametrize('width', [18, 32, 48])
def test_stock_hrnet(width: int) -> None:
    """108 blocks and 62 fusions: ScaleNAS (Cheng et al. 2020), figure 3."""
    arch = stock_hrnet(width)
    assert named(f'hrnet_w{width}') == arch
    assert (arch.num_blocks, arch.num_fusions) == (108, 62)
    assert arch.features((1024, 2048)) == (
        Feature(width, (256, 512), 4),
        Feature(2 * width, (128, 256), 8),
        Feature(4 * width, (64, 128), 16),
        Feature(8 * width, (32, 64), 32),
    )
    # Of the last module only the three fusions into the finest branch remain.
    single = stock_hrnet(width, output='single')
    assert named(f'hrnet_w{width}_single') == single
    assert (single.num_blocks, single.num_fusions) == (108, 62 - 9)
    assert single.features((256, 192)) == (Feature(width, (64, 48), 4),)


def test_small_stock_hrnet() -> None:
    arch = named('hrnet_w18_small')
    assert [len(stage.modules) for stage in arch.stages] == [1, 3, 2]
    assert {d for module in arch.modules for d in module.depths} == {2}
    assert arch.stage1_blocks == 2


def test_odd_sizes_round_up() -> None:
    """513x65 -> 257x33 -> 129x17, then halved per branch, rounded up."""
    features = stock_hrnet(18).features((513, 65))
    assert [f.size for f in features] == [(129, 17), (65, 9), (33, 5), (17, 3)]


@given(hr_archs(), sizes)
def test_the_plan_is_one_network(arch: HRArch, size: tuple[int, int]) -> None:
    """Names are distinct; every block and fusion of the arch is in the plan, and nothing else."""
    plan = list(arch.layers(size))
    names = [layer.name for layer in plan]
    assert len(set(names)) == len(names)
    blocks = [n for n in names if '.branches.' in n and n.endswith('.conv1')]
    assert len(blocks) == sum(module.num_blocks for module in arch.modules)
    # A conversion's first convolution ends in `.k.0` (coarser) or `.k.0.0` (finer source).
    fusions = {tuple(n.split('.')[:5]) for n in names if '.fuse_layers' in n}
    assert len(fusions) == arch.num_fusions
    # What leaves a fusion or a transition has the channels and the size of its branch.
    features = arch.features(size)
    assert tuple(f.channels for f in features) == arch.out_channels
    for layer in plan:
        assert layer.size_out >= (1, 1)


def test_sources_of_a_fusion_are_converted_step_by_step() -> None:
    """0<-2 is a 1x1 at the coarse size; 2<-0 two 3x3 of stride 2, the last changes channels."""
    module = HRModule((1, 1, 1), (((2,), (), (0,)),))
    first = HRStage((4, 8), (module_of([1, 1]),))
    arch = HRArch((first, HRStage((4, 8, 16), (module,))), stage1_blocks=1)
    found = {
        layer.name: (layer.c_in, layer.c_out, layer.kernel, layer.stride, layer.size)
        for layer in arch.layers((64, 64))
        if 'fuse' in layer.name
    }
    assert found == {
        'stage3.0.fuse_layers.0.2.0': (16, 4, 1, 1, (4, 4)),
        'stage3.0.fuse_layers.2.0.0.0': (4, 4, 3, 2, (16, 16)),
        'stage3.0.fuse_layers.2.0.1.0': (4, 16, 3, 2, (8, 8)),
    }


def test_fusions_before_the_last_step_are_numbered() -> None:
    module = module_of([1, 3], (0, 1, 2))
    assert [module.fuse_name(t) for t in range(3)] == [
        'fuse_layers_1',
        'fuse_layers_2',
        'fuse_layers',
    ]
    assert module.fusions == (((1,), (0,)), ((), (0,)), ((), (0,)))


def test_heads_over_features() -> None:
    arch = stock_hrnet(18)
    conv, classifier = SegHead(19).layers(arch.features((64, 64)))
    assert (conv.c_in, conv.c_out, conv.bias, conv.norm) == (270, 270, True, True)
    assert (classifier.c_in, classifier.c_out, classifier.norm) == (270, 19, False)
    (final,) = PoseHead(17).layers(arch.features((64, 64)))
    assert (final.c_in, final.c_out, final.size) == (18, 17, (16, 16))
