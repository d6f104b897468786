"""What every family promises: values, YAML in and out, one plan, scaling that keeps its word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas import families, family_named, family_of
from scalenas.arch import (
    ROUNDINGS,
    Arch,
    ArchError,
    ClassificationHead,
    Scaling,
    SegHead,
    arch_for_head,
    default_head,
    dump,
    layers,
    list_archs,
    load,
    named,
    of_family,
    parse_head,
    rounding,
)
from scalenas.complexity import Counter, count
from scalenas.errors import UserError
from tests.errors import contains, raises
from tests.random_archs import archs
from tests.strategies import sizes

factors = st.floats(0.3, 4.0)


@given(archs)
def test_yaml_brings_the_same_value_back(arch: Arch) -> None:
    assert load(dump(arch)) == arch
    assert hash(load(dump(arch))) == hash(arch)
    assert family_of(arch).arch is type(arch)


@given(archs, sizes)
def test_the_counter_is_the_sum_over_the_plan(arch: Arch, size: tuple[int, int]) -> None:
    head = ClassificationHead(10, hidden=7)
    plan = [*layers(arch, size), *head.layers(arch.features(size))]
    counter = Counter(size, head)
    assert counter(arch) == counter(arch) == count(plan)
    assert len({layer.name for layer in plan}) == len(plan)


@given(archs, sizes)
def test_each_map_is_as_large_as_its_stride_says(arch: Arch, size: tuple[int, int]) -> None:
    found = arch.features(size)
    assert [f.stride for f in found] == sorted(f.stride for f in found)
    for channels, at, stride in found:
        assert channels >= 1
        assert at == tuple(-(-side // stride) for side in size)


@given(archs, st.sampled_from(sorted(ROUNDINGS)))
def test_factors_of_one_change_nothing_under_the_plain_rules(arch: Arch, name: str) -> None:
    same = arch.scaled(Scaling(), rounding(name))
    assert same == arch.scaled(Scaling(), rounding(name))
    if name in ('nearest', 'ceil'):
        assert same == arch


@given(archs, factors, factors, factors, st.sampled_from(sorted(ROUNDINGS)))
def test_scaled_archs_are_archs(arch: Arch, d: float, w: float, r: float, name: str) -> None:
    """Whatever the factors: valid values, no shallower or narrower where nothing shrinks."""
    grown = arch.scaled(Scaling(d, w, r, w), rounding(name))
    assert type(grown) is type(arch)
    assert load(dump(grown)) == grown
    if d >= 1:
        assert grown.num_blocks >= arch.num_blocks
    if w >= 1 and name == 'ceil' and arch.family != 'regnet':
        assert grown.extent.channels >= arch.extent.channels


def test_every_shipped_arch_is_read_and_counted() -> None:
    shipped = {named(name).family for name in list_archs()}
    assert shipped == {family.name for family in families()}
    assert sum(len(list_archs(name)) for name in shipped) == len(list_archs())


def test_a_family_is_asked_for_by_its_class() -> None:
    arch = named('efficientnet_b0')
    assert of_family(arch, family_named('mbconv').arch) is arch
    with raises(ArchError, where='net.family', got='mbconv', allowed=('hrnet',)):
        of_family(arch, family_named('hrnet').arch, 'net')


def test_a_counter_without_a_size_takes_that_of_the_arch() -> None:
    arch = named('efficientnet_b0')
    assert Counter()(arch) == Counter((224, 224))(arch)
    with raises(UserError, where='size', names=('hrnet',)):
        Counter()(named('hrnet_w18'))


@pytest.mark.parametrize('factor', [0, -1.0, float('nan'), float('inf'), True, 'x'])
def test_a_factor_is_a_positive_number(factor: object) -> None:
    same = lambda got: got is factor  # noqa: E731
    with raises(ArchError, where='scaling.width', got=same, allowed=contains('factor')):
        Scaling(width=factor)  # type: ignore[arg-type]


@given(archs, sizes)
def test_only_a_classifier_keeps_the_last_convolution(arch: Arch, size: tuple[int, int]) -> None:
    assert arch_for_head(arch, None) == arch_for_head(arch, ClassificationHead()) == arch
    dense = arch_for_head(arch, SegHead(19))
    last = (
        'final_conv'
        if arch.family == 'regnet'
        else f'layers.{len(getattr(arch, "stages", ())) + 1}'
    )
    names = [name for name, _ in arch.units(size)]
    kept = [name for name, _ in dense.units(size)]
    assert kept == [name for name in names if arch.family == 'hrnet' or name != last]
    widths = [feature.channels for feature in dense.features(size)]
    if arch.family == 'hrnet':
        assert dense == arch
    else:
        assert widths[-1] == arch.stages[-1].width
    assert parse_head(default_head(arch)) == (
        SegHead(19) if arch.size is None else ClassificationHead(1000)
    )
