"""RegNets against mmpretrain's, the rule that generates them, and refusals in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.arch import ArchError, RegNetArch, RegStage, from_dict, list_archs, named, regnet
from scalenas.arch.rounding import compatible
from scalenas.complexity import Counter
from tests.errors import contains, raises

NUMBERS = {'family': 'regnet', 'depth': 13, 'w0': 24, 'wa': 36.44, 'wm': 2.49, 'group_width': 8}
MMPRETRAIN = ('400mf', '800mf', '1.6gf', '3.2gf', '4.0gf', '6.4gf', '8.0gf', '12gf')


@pytest.mark.parametrize('name', MMPRETRAIN)
def test_the_plan_has_the_convolutions_of_mmpretrains_regnetx(name: str) -> None:
    torch = pytest.importorskip('torch')
    backbones = pytest.importorskip('mmpretrain.models.backbones')
    with torch.device('meta'):
        net = backbones.RegNet(f'regnetx_{name}')
    arch = named(f'regnetx_{name}')
    theirs = sorted(
        (*module.weight.shape, module.stride[0])
        for module in net.modules()
        if isinstance(module, torch.nn.Conv2d)
    )
    ours = sorted(
        (la.c_out, la.c_in // la.groups, la.kernel, la.kernel, la.stride)
        for la in arch.layers((224, 224))
    )
    assert ours == theirs
    assert Counter()(arch)['params'] == sum(p.numel() for p in net.parameters())


def test_the_published_stages() -> None:
    arch = named('regnetx_3.2gf')
    assert isinstance(arch, RegNetArch)
    assert [(s.width, s.depth) for s in arch.stages] == [(96, 2), (192, 6), (432, 15), (1008, 2)]
    assert {s.group_width for s in arch.stages} == {48}


def test_four_numbers_and_stages_are_the_same_network() -> None:
    for name in list_archs('regnet'):
        arch = named(name)
        assert from_dict(arch.to_dict()) == arch
    numbers = {'depth': 22, 'w0': 96, 'wa': 31.41, 'wm': 2.24, 'group_width': 64}
    assert regnet(**numbers, block='y') == named('regnety_4.0gf')


@given(st.integers(1, 2000), st.sampled_from([0.25, 0.5, 1, 2, 4]), st.integers(1, 300))
def test_the_repair_rule(width: int, bottleneck: float, group_width: int) -> None:
    """Groups divide; a group that is too wide becomes all channels; others move the least."""
    found, group = compatible(width, bottleneck, group_width)
    inner = max(1, int(width * bottleneck))
    assert group == min(group_width, inner)
    assert round(found * bottleneck) % group == 0
    RegStage(found, 1, group, bottleneck)
    if group == group_width and bottleneck <= 1:
        assert abs(found * bottleneck - inner) <= max(group / 2, group - inner) + 1


def test_width_changes_by_at_most_a_third() -> None:
    """Dollar et al. 2021, section 3.5, for regular blocks."""
    for width in range(1, 400):
        for group in range(1, 400):
            assert abs(compatible(width, 1, group)[0] / width - 1) <= 1 / 3


@pytest.mark.parametrize(
    ('changes', 'allowed'),
    [
        ({'w0': 90}, 'a multiple of 8'),
        ({'wm': 1.0}, 'a number > 1'),
        ({'wa': -1}, 'a number > 0'),
        ({'depth': 0}, 'a whole number >= 1'),
        ({'group_width': 0}, 'a whole number >= 1'),
        ({'bottleneck': 0}, 'a number > 0'),
        ({'block': 'w'}, ('x', 'y', 'z')),
        ({'stem_type': 'x'}, ('simple', 'resnet')),
    ],
)
def test_wrong_numbers_die_with_one_line(changes: dict[str, object], allowed: object) -> None:
    assert from_dict(NUMBERS)
    ((key, value),) = changes.items()
    with raises(ArchError, where=f'net.{key}', got=value, allowed=allowed):
        from_dict({**NUMBERS, **changes}, 'net')


def test_an_unknown_key_is_named() -> None:
    with raises(ArchError, where='net', got='steam', hint="did you mean 'stem'?"):
        from_dict({**NUMBERS, 'steam': 3}, 'net')


def test_groups_must_divide() -> None:
    inner = contains('a divisor of the inner 32')
    with raises(ArchError, where='group_width', got=5, allowed=inner):
        RegStage(32, 1, 5)
    stage = {'width': 32, 'depth': 1, 'group_width': 5}
    with raises(ArchError, where='net.stages[0].group_width', got=5, allowed=inner):
        from_dict({'family': 'regnet', 'stages': [stage]}, 'net')
