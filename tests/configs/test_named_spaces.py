"""Configs name the spaces of the papers, and spell none of them out."""

from __future__ import annotations

from mmengine.config import Config

from scalenas.config import read_config
from scalenas.space import from_dict, list_spaces, named
from tests.configs.shipped import CONFIGS
from tests.space.spelled import SPELLED


def test_configs_whose_space_is_a_papers_name_it() -> None:
    """None of them spells one out again; inner widths are of no paper."""
    known = {named(name) for name in list_spaces()}
    used = set()
    for path in CONFIGS:
        space = _space(read_config(str(path)))
        if isinstance(space, str):
            used.add(space)
        elif space is not None:
            assert from_dict(space) not in known, path
    assert used == set(SPELLED) - {'scalenas_w32_inner'}


def _space(cfg: Config) -> object:
    backbone = cfg.get('model', {}).get('architecture', {}).get('backbone', {})
    return backbone.get('space')
