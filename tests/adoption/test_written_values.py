"""Configs that inherit: what changes is said, and nothing else; schedules as parts of a length."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config

from scalenas.adoption.adopt import overrides
from scalenas.adoption.code import Code, assigned, assignments, of_width
from scalenas.adoption.stock import changes
from scalenas.adoption.written import Recipe
from tests.errors import raises

NAMES = st.sampled_from(['type', 'in_channels', 'loss', 'neck'])
VALUES = st.recursive(
    st.integers(0, 3) | st.sampled_from(['A', 'B']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TABLES = st.dictionaries(st.sampled_from(['head', 'neck', 'loss']), VALUES, max_size=4)


@given(TABLES, TABLES)
def test_the_changes_of_a_config_make_the_new_one(
    old: dict[str, Any], added: dict[str, Any]
) -> None:
    """`new` has all that `old` has, somewhere changed, as heads that follow a backbone."""
    new = merged(old, added)
    said = overrides({'model': old}, {'model': new})
    assert Config._merge_a_into_b(said, {'model': old}) == {'model': new}
    if old == new:
        assert said == {}


def merged(old: Any, added: Any) -> Any:
    if isinstance(old, dict) and isinstance(added, dict) and old.get('type') == added.get('type'):
        return {**old, **{key: merged(old.get(key), value) for key, value in added.items()}}
    return added


@given(TABLES, TABLES)
def test_the_same_as_statements(old: dict[str, Any], added: dict[str, Any]) -> None:
    new = merged(old, added)
    model = Config({'model': old}).model
    names: dict[str, Any] = {'model': model}
    exec('\n'.join(assignments('model', changes(old, new))), names)
    assert Config({'model': model}).model.to_dict() == new


def test_channels_follow_the_width() -> None:
    given = {'in_channels': [8, 16], 'channels': 24, 'out_channels': 16, 'num_classes': 8}
    source = assigned({'head': of_width(given, 8)})
    names: dict[str, Any] = {'width': 10}
    exec('\n'.join(source), names)
    assert names['head'] == {
        'in_channels': [10, 20],
        'channels': 30,
        'out_channels': 16,
        'num_classes': 8,
    }
    assert of_width({'in_channels': [7]}, 8) == {'in_channels': [7]}


def steps(recipe: Recipe, given: Any, max_iters: int) -> list[dict[str, Any]]:
    names: dict[str, Any] = {'max_iters': max_iters}
    exec('\n'.join(assigned({'found': recipe.schedulers(given)})), names)
    found: list[dict[str, Any]] = names['found']
    return found


def test_epochs_become_iterations() -> None:
    """210 epochs of mmpose: a warm-up of 500 iterations, steps at 170 and 200."""
    cfg = {'train_cfg': {'max_epochs': 210}, 'train_dataloader': {'batch_size': 32}}
    recipe = Recipe.of(cfg, 512, 1000, None)
    assert recipe.iters == 210 * 32
    warm, drop = steps(
        recipe,
        [
            {'type': 'LinearLR', 'begin': 0, 'end': 10, 'by_epoch': False},
            {'type': 'MultiStepLR', 'begin': 0, 'end': 210, 'milestones': [170, 200]},
        ],
        2100,
    )
    assert (warm['begin'], warm['end']) == (0, 10)
    assert (drop['end'], drop['milestones'], drop['by_epoch']) == (2100, [1700, 2000], False)


@pytest.mark.parametrize('max_iters', [1, 7, 1000])
def test_a_warm_up_ends_before_the_rest_begins(max_iters: int) -> None:
    cfg = {'train_cfg': {'max_iters': 160000}, 'train_dataloader': {'batch_size': 4}}
    warm, poly = steps(
        Recipe.of(cfg, 16, 100, max_iters),
        [
            {'type': 'LinearLR', 'begin': 0, 'end': 1500, 'by_epoch': False},
            {'type': 'PolyLR', 'begin': 1500, 'end': 160000, 'by_epoch': False},
        ],
        max_iters,
    )
    assert 0 < warm['end'] == poly['begin'] <= max(1, max_iters // 10)
    assert poly['end'] == max_iters


def test_a_training_without_a_length() -> None:
    cfg = {'train_cfg': {'type': 'Mine'}, 'train_dataloader': {'batch_size': 4}}
    with raises(where='train_cfg', got=cfg['train_cfg']):
        Recipe.of(cfg, 4, 10, None)


def test_an_expression_stands_as_it_is() -> None:
    assert assigned({'a': [Code('1 + 1')]}) == ['a = [1 + 1]']
