"""Archs as text: the round trip, and one clear line for everything that is not an arch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import ArchError, HRArch, dump, find, from_dict, from_file, load, named
from scalenas.space import HRSpace
from tests.errors import contains, raises
from tests.strategies import FULL, TINY, hr_archs, seeds

TEXT = """\
family: hrnet
stages:
- channels: [8, 16]
  modules:
  - depths: [1, 2]
    fusions: [[0<-1], [1<-0]]
"""
MODULE = 'arch.stages[0].modules[0]'

AN_ARCH = contains("an arch, a mapping with 'family'", 'hrnet')
NO_YAML = {'where': 'arch', 'problem': lambda text: text.startswith('not YAML')}
FUSIONS = {'where': f'{MODULE}.fusions[0]'}
Case = tuple[str, str, dict[str, Any]]

BROKEN: dict[str, Case] = {
    'unknown key': (
        'stages:',
        'stemm: 8\nstages:',
        {'where': 'arch', 'got': 'stemm', 'hint': "did you mean 'stem'?"},
    ),
    'unknown key in a module': (
        'fusions',
        'fusion',
        {'where': MODULE, 'got': 'fusion', 'allowed': ('depths', 'fusions', 'inner')},
    ),
    'unknown key in a stage': (
        '  modules',
        '  module',
        {'where': 'arch.stages[0]', 'got': 'module', 'hint': "did you mean 'modules'?"},
    ),
    'missing key': (
        '\n    fusions: [[0<-1], [1<-0]]',
        '',
        {'where': MODULE, 'problem': "key 'fusions' is missing"},
    ),
    'no family': (
        'family: hrnet\n',
        '',
        {'where': 'arch', 'got': lambda data: list(data) == ['stages'], 'allowed': AN_ARCH},
    ),
    'unknown family': (
        'hrnet',
        'hrnett',
        {'where': 'arch.family', 'got': 'hrnett', 'hint': "did you mean 'hrnet'?"},
    ),
    'depth 0': (
        '[1, 2]',
        '[0, 2]',
        {'where': f'{MODULE}.depths', 'got': 0, 'allowed': 'a whole number >= 1'},
    ),
    'depth true': ('[1, 2]', '[true, 2]', {'where': f'{MODULE}.depths', 'got': True}),
    'depth a fraction': ('[1, 2]', '[1.5, 2]', {'where': f'{MODULE}.depths', 'got': 1.5}),
    'depth a word': ('[1, 2]', '[one, 2]', {'where': f'{MODULE}.depths', 'got': 'one'}),
    'depths not a list': (
        '[1, 2]',
        '2',
        {'where': f'{MODULE}.depths', 'got': 2, 'allowed': 'a list of branches'},
    ),
    'no branches': (
        '[1, 2]',
        '[]',
        {'where': f'{MODULE}.depths', 'got': (), 'allowed': 'at least one branch'},
    ),
    'switch outside': (
        '0<-1',
        '0<-2',
        {**FUSIONS, 'got': '0<-2', 'allowed': 'two of the branches 0 ... 1'},
    ),
    'switch onto itself': (
        '0<-1',
        '0<-0',
        {**FUSIONS, 'got': '0<-0', 'allowed': 'two of the branches 0 ... 1'},
    ),
    'switch inactive': (
        '1<-0',
        '0<-1',
        {'where': f'{MODULE}.fusions[1][0]', 'got': (1,), 'allowed': contains('0 has 1 blocks')},
    ),
    'switch twice': ('[0<-1]', '[0<-1, 0<-1]', {**FUSIONS, 'got': '0<-1'}),
    'switch misspelt': (
        '0<-1',
        '0->1',
        {**FUSIONS, 'got': '0->1', 'allowed': contains('target<-source')},
    ),
    'too few steps': (
        '[[0<-1], [1<-0]]',
        '[[0<-1]]',
        {'where': f'{MODULE}.fusions', 'got': 1, 'allowed': contains('2 steps')},
    ),
    'steps not lists': ('[[0<-1], [1<-0]]', '[7, 8]', {**FUSIONS, 'got': 7}),
    'one branch too few': (
        '[8, 16]',
        '[8]',
        {'where': f'{MODULE}.depths', 'got': 2, 'allowed': contains('1 branches')},
    ),
    'three branches in stage 2': (
        'channels: [8, 16]\n  modules:\n  - depths: [1, 2]',
        'channels: [8, 16, 32]\n  modules:\n  - depths: [1, 2, 1]',
        {'where': 'arch.stages[0].channels', 'got': 3, 'allowed': '2 branches in stage 2'},
    ),
    'channels 0': ('[8, 16]', '[0, 16]', {'where': 'arch.stages[0].channels', 'got': 0}),
    'no modules': (
        TEXT[TEXT.index('modules:') :],
        'modules: []',
        {'where': 'arch.stages[0].modules', 'got': (), 'allowed': 'at least one module'},
    ),
    'no stages': (
        TEXT[TEXT.index('stages:') :],
        'stages: []',
        {'where': 'arch.stages', 'got': (), 'allowed': contains('at least one stage')},
    ),
    'stages a word': (
        TEXT[TEXT.index('stages:') :],
        'stages: all',
        {'where': 'arch.stages', 'got': 'all'},
    ),
    'stem 0': (
        'stages:',
        'stem: 0\nstages:',
        {'where': 'arch.stem', 'got': 0, 'allowed': 'a whole number >= 1'},
    ),
    'upsample unknown': (
        'stages:',
        'upsample: bilinea\nstages:',
        {'where': 'arch.upsample', 'got': 'bilinea', 'hint': "did you mean 'bilinear'?"},
    ),
    'output unknown': (
        'stages:',
        'output: two\nstages:',
        {'where': 'arch.output', 'got': 'two', 'allowed': ('multi', 'single')},
    ),
    'key twice': (
        'stages:',
        'family: hrnet\nstages:',
        {'where': 'arch', 'got': 'family', 'problem': contains('twice', 'line 2')},
    ),
    'key twice, deep': (
        '  modules',
        '  channels: [1, 2]\n  modules',
        {'where': 'arch', 'got': 'channels', 'problem': contains('twice', 'line 4')},
    ),
    'not YAML': ('[1, 2]', '[1, 2', {**NO_YAML, 'names': ('line',)}),
    'key a list': (
        'stages:',
        '? [1, 2]\n: 3\nstages:',
        {'where': 'arch', 'got': [1, 2], 'problem': contains('line 2')},
    ),
    'date that is none': ('stages:', 'stem: 2001-13-40\nstages:', NO_YAML),
    'python object': (
        'stages:',
        'stem: !!python/name:os.system\nstages:',
        {**NO_YAML, 'names': ('line 2',)},
    ),
    'not a date at all': ('stages:', 'stem: !!timestamp x\nstages:', NO_YAML),
    'no flag': ('stages:', 'stem: !!bool x\nstages:', NO_YAML),
    'an empty number': ('stages:', 'stem: !!int ""\nstages:', NO_YAML),
    'merge key': ('stages:', '<<: {stem: 8}\nstages:', {**NO_YAML, 'names': ('line 2',)}),
    'nested without end': (TEXT, '[' * 5000, {'where': 'arch', 'allowed': contains('brackets')}),
    'a list': (TEXT, '- 1\n- 2\n', {'where': 'arch', 'got': [1, 2], 'allowed': AN_ARCH}),
    'a sentence': (
        TEXT,
        'This is not an arch.',
        {'where': 'arch', 'got': 'This is not an arch.', 'allowed': AN_ARCH},
    ),
    'nothing': (TEXT, '', {'where': 'arch', 'got': None, 'allowed': AN_ARCH}),
}


@given(hr_archs())
def test_yaml_round_trip_of_any_arch(arch: HRArch) -> None:
    again = load(dump(arch))
    assert again == arch
    assert hash(again) == hash(arch)
    assert from_dict(arch.to_dict()) == arch


@settings(max_examples=50)
@given(seeds, st.sampled_from([TINY, FULL]))
@pytest.mark.longer
def test_yaml_round_trip_of_sampled_archs(seed: int, space: HRSpace) -> None:
    arch = space.sample(random.Random(seed))
    assert load(dump(arch)) == arch
    assert hash(load(dump(arch))) == hash(arch)


def test_dump_is_readable() -> None:
    """One line per module's depths and fusions, switches unquoted as in the paper's figures."""
    text = dump(load(TEXT))
    assert '  - depths: [1, 2]\n    fusions: [[0<-1], [1<-0]]\n' in text
    assert '&' not in text


@pytest.mark.parametrize('case', BROKEN)
def test_what_is_not_an_arch_dies_with_one_line(case: str) -> None:
    old, new, fields = BROKEN[case]
    assert old in TEXT
    with raises(ArchError, **fields):
        load(TEXT.replace(old, new, 1))


@pytest.mark.parametrize('case', BROKEN)
def test_an_error_names_the_file(case: str, tmp_path: Path) -> None:
    old, new, fields = BROKEN[case]
    path = tmp_path / 'broken.yaml'
    path.write_text(TEXT.replace(old, new, 1))
    with raises(ArchError, **{**fields, 'where': fields['where'].replace('arch', str(path), 1)}):
        from_file(path)


@pytest.mark.parametrize(
    'content', [b'\xff\xfe\x00\x01', b'\x80\x02}q\x00.', b'a: \x00', b'PK\x03']
)
def test_a_binary_file_is_not_an_arch(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'net.pth'
    path.write_bytes(content)
    with raises(ArchError, where=path):
        from_file(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / 'none.yaml', tmp_path):
        with raises(ArchError, where=path, allowed=contains('in YAML')):
            from_file(path)


@settings(max_examples=200)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode('latin-1')))
def test_no_text_gets_past_as_another_error(text: str) -> None:
    with raises(ArchError, where=lambda place: place.startswith('arch')):
        load(text)


def test_find_takes_a_name_or_a_path(tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text(dump(named('scalenas_s1')))
    assert find(str(path)) == find('scalenas_s1') == named('scalenas_s1')
    with raises(ArchError, got='scalenas-s1', hint="did you mean 'scalenas_s1'?"):
        find('scalenas-s1')
    with raises(ArchError, where=tmp_path / 'other.yml', problem='no such file'):
        find(str(tmp_path / 'other.yml'))
