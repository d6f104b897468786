"""Named spaces: what papers search, under one name in configs and in Python."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from scalenas import families
from scalenas.config import read_config
from scalenas.space import SpaceError, from_dict, list_spaces, named
from tests.configs.shipped import CONFIGS

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
    with pytest.raises(SpaceError) as error:
        from_dict('scalenot', 'model.backbone.space')
    assert error.value.where == 'model.backbone.space'
    assert error.value.got == 'scalenot'
    assert 'scalenet' in error.value.hint
    assert all(name in error.value.allowed for name in list_spaces())
    with pytest.raises(SpaceError) as error:
        from_dict({'name': ['bignas']})
    assert error.value.where == 'space.name'
    assert list_spaces('hrnet') == sorted(n for n in list_spaces() if n.startswith('scalenas_'))


def test_configs_whose_space_is_a_papers_name_it() -> None:
    """None of them spells one out again."""
    known = {named(name) for name in list_spaces()}
    used = set()
    for path in CONFIGS:
        space = _space(read_config(str(path)))
        if isinstance(space, str):
            used.add(space)
        elif space is not None:
            assert from_dict(space) not in known, path
    assert used == set(SPELLED)


def _space(cfg: Config) -> object:
    backbone = cfg.get('model', {}).get('architecture', {}).get('backbone', {})
    return backbone.get('space')
