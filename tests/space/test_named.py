"""Named spaces: what papers search, under one name in configs and in Python."""

from __future__ import annotations

import pytest

from scalenas import families
from scalenas.space import SpaceError, from_dict, list_spaces, named
from tests.errors import contains, raises

from .spelled import SPELLED


@pytest.mark.parametrize('name', SPELLED)
def test_a_name_gives_what_was_spelled_out(name: str) -> None:
    spelled = from_dict(SPELLED[name])
    assert named(name) == from_dict(name) == from_dict({'name': name}) == spelled
    assert named(name).size() == spelled.size()


@pytest.mark.parametrize('name', list_spaces())
def test_a_named_space_is_written_and_read(name: str) -> None:
    space = named(name)
    assert from_dict(space.to_dict()) == space
    (family,) = [family for family in families() if name in family.spaces]
    assert space.family is family
    assert space.smallest().family == family.name


def test_what_is_different_may_stand_beside_a_name() -> None:
    part = from_dict({'name': 'bignas', 'where': [['*.depth', [2]]]})
    assert part == named('bignas').where('*.depth', (2,))
    sides = [192, 224, 256, 288, 320]
    assert from_dict({'name': 'bignas', 'resolution': sides}) == named('bignas_search')


def test_an_unknown_name_is_one_line() -> None:
    known, place = contains(*list_spaces()), 'model.backbone.space'
    with raises(SpaceError, where=place, got='scalenot', allowed=known, hint=contains('scalenet')):
        from_dict('scalenot', place)
    with raises(SpaceError, where='space.name', got=['bignas']):
        from_dict({'name': ['bignas']})
    assert list_spaces('hrnet') == sorted(n for n in list_spaces() if n.startswith('scalenas_'))
