"""A family is known by its object: hardly any generic module of the package names one."""

from __future__ import annotations

from .family_names import generic_modules_that_name_a_family, is_own
from .naming import names_in

# What the rooms offer by name, and a counter of a paper's authors that is of HRNet alone.
KNOWN = {'arch/__init__.py', 'complexity/authors.py', 'models/__init__.py', 'space/__init__.py'}


def test_hardly_any_generic_module_names_a_family() -> None:
    assert set(generic_modules_that_name_a_family()) <= KNOWN


def test_a_name_is_found_wherever_it_stands() -> None:
    from .family_names import pattern_of_families

    pattern = pattern_of_families()
    for source in (
        'isinstance(x, HRArch)',
        "FAMILIES = {'mbconv': 1}",
        'from scalenas.models.super_hrnet import x',
        'from .regnet_units import RegBlock',
        "kind = 'scalenas.ScaleMBConvNet'",
        'from scalenas.space import MBConvSpace',
    ):
        assert names_in(source, pattern), source
    for source in ('"""As HRArch has."""', 'x = network', "head = 'an hrnet-style net'"):
        assert not names_in(source, pattern), source
    assert is_own('models/super_hrnet.py')
    assert not is_own('models/weight_slices.py')
