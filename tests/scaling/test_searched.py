"""Searched scalings: a file that is read back, and stages beyond the searched ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalenas.arch import Scaling, named, rounding
from scalenas.scaling import SCALENET_TABLE, SearchedScalings, fit_growth, grow
from tests.errors import contains, raises

STAGES = {j: SCALENET_TABLE[f's{j}'] for j in (1, 2, 3)}
SEARCHED = SearchedScalings(STAGES, rounding('ceil'))


def test_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / 'scalings.yaml'
    path.write_text(SEARCHED.dump())
    assert SearchedScalings.from_file(path) == SEARCHED


def test_larger_stages_follow_the_fitted_curves() -> None:
    assert SEARCHED(0) == Scaling()
    assert SEARCHED(2) == STAGES[2]
    assert SEARCHED(4) == fit_growth(STAGES)(4)
    assert SEARCHED(4).depth == pytest.approx(1.720, abs=2e-3)  # not the 1.653 of table 8
    linear = SearchedScalings(STAGES, rounding('ceil'), 'linear')
    assert linear(5) == fit_growth(STAGES, 'linear')(5)


def test_a_user_grows_a_network_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / 'scalings.yaml'
    path.write_text(SEARCHED.dump())
    base = named('scalenet_s0')
    by_file, _ = grow(base, f'{path}:s2')
    assert by_file.arch == named('scalenet_s2')
    larger, _ = grow(base, f'{path}:s4')
    assert larger.arch.size is not None
    assert larger.arch.size[0] > 354


@pytest.mark.parametrize(
    ('text', 'where', 'fields'),
    [
        ('stages: {}', ': stages', {'got': {}, 'allowed': 'stage numbers with factors'}),
        ('stages: {0: {depth: 1}}', ': stages', {'got': 0, 'allowed': 'a whole number >= 1'}),
        ('stages: {999: {depth: 1}}', ': stages', {'got': 999, 'allowed': contains('from 1 to')}),
        ('stages: {1: {deep: 2}}', '.stages[1]', {'got': 'deep', 'allowed': contains('depth')}),
        ('stages: {1: {depth: 0}}', '.stages[1].scaling.depth', {'got': 0}),
        ('stages: {1: {depth: 2}}\nform: cubic', ': form', {'got': 'cubic'}),
        ('stages: [', '', {'problem': contains('not YAML')}),
        (
            'stages:\n  1: {depth: 1.1}\n  1: {depth: 1.4}',
            '',
            {'got': 1, 'problem': contains('line 3')},
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, where: str, fields: dict) -> None:
    path = tmp_path / 'scalings.yaml'
    path.write_text(text)
    with raises(where=f'{path}{where}', **fields):
        SearchedScalings.from_file(path)


def test_mistaken_entries(tmp_path: Path) -> None:
    path = tmp_path / 'scalings.yaml'
    with raises(where=path, problem='no such file'):
        grow(named('scalenet_s0'), f'{path}:s2')
    path.write_text('stages: {1: {depth: 1.1}, 3: {depth: 1.4}}')
    with raises(where='stage', got=2, allowed=contains([1, 3])):
        grow(named('scalenet_s0'), f'{path}:s2')
    with raises(where=path, got='four', allowed=contains(':s2')):
        grow(named('scalenet_s0'), f'{path}:four')
