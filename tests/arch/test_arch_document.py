"""Archs as text: the round trip, and one clear line for everything that is not an arch."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalenas.arch import ArchError, HRArch, dump, find, from_dict, load, load_file, named
from scalenas.space import HRSpace
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

BROKEN = {
    'unknown key': ('stages:', 'stemm: 8\nstages:', ['arch:', "'stemm'", "did you mean 'stem'"]),
    'unknown key in a module': ('fusions', 'fusion', [MODULE, "'fusion'", "mean 'fusions'"]),
    'unknown key in a stage': ('  modules', '  module', ['arch.stages[0]:', "'module'"]),
    'missing key': ('\n    fusions: [[0<-1], [1<-0]]', '', [MODULE, "'fusions' is missing"]),
    'no family': ('family: hrnet\n', '', ['arch:', 'not an arch', "'family'", 'hrnet']),
    'unknown family': ('hrnet', 'hrnett', ['arch.family', "'hrnett'", "mean 'hrnet'"]),
    'depth 0': ('[1, 2]', '[0, 2]', [f'{MODULE}.depths', '>= 1', 'got 0']),
    'depth true': ('[1, 2]', '[true, 2]', [f'{MODULE}.depths', 'got True']),
    'depth a fraction': ('[1, 2]', '[1.5, 2]', [f'{MODULE}.depths', 'got 1.5']),
    'depth a word': ('[1, 2]', '[one, 2]', [f'{MODULE}.depths', "got 'one'"]),
    'depths not a list': ('[1, 2]', '2', [f'{MODULE}.depths', 'list', 'got 2']),
    'no branches': ('[1, 2]', '[]', [f'{MODULE}.depths', 'at least one branch']),
    'switch outside': ('0<-1', '0<-2', [MODULE, "'0<-2'", 'branches 0..1']),
    'switch onto itself': ('0<-1', '0<-0', [MODULE, "'0<-0'", 'branches 0..1']),
    'switch inactive': ('1<-0', '0<-1', [MODULE, "'0<-1' of step 1", 'branch 0', 'step 0']),
    'switch twice': ('[0<-1]', '[0<-1, 0<-1]', [MODULE, "'0<-1'", 'twice']),
    'switch misspelt': ('0<-1', '0->1', [MODULE, "'0->1'", 'target<-source']),
    'too few steps': ('[[0<-1], [1<-0]]', '[[0<-1]]', [MODULE, 'max(depths) = 2', 'got 1']),
    'steps not lists': ('[[0<-1], [1<-0]]', '[7, 8]', [MODULE, 'got 7']),
    'one branch too few': ('[8, 16]', '[8]', ['arch.stages[0]', '2 branches', '1 channel']),
    'three branches in stage 2': (
        'channels: [8, 16]\n  modules:\n  - depths: [1, 2]',
        'channels: [8, 16, 32]\n  modules:\n  - depths: [1, 2, 1]',
        ['stage 2', '2 branches', 'got 3'],
    ),
    'channels 0': ('[8, 16]', '[0, 16]', ['arch.stages[0]', 'channels', 'got 0']),
    'no modules': (TEXT[TEXT.index('modules:') :], 'modules: []', ['arch.stages[0]', 'one module']),
    'no stages': (TEXT[TEXT.index('stages:') :], 'stages: []', ['arch:', 'at least one stage']),
    'stages a word': (TEXT[TEXT.index('stages:') :], 'stages: all', ['arch.stages', "'all'"]),
    'stem 0': ('stages:', 'stem: 0\nstages:', ['stem', '>= 1', 'got 0']),
    'upsample unknown': (
        'stages:',
        'upsample: bilinea\nstages:',
        ['upsample', "'bilinea'", "did you mean 'bilinear'"],
    ),
    'output unknown': ('stages:', 'output: two\nstages:', ['output', "'two'", 'multi or single']),
    'key twice': ('stages:', 'family: hrnet\nstages:', ["'family' stands twice", 'line 2']),
    'key twice, deep': ('  modules', '  channels: [1, 2]\n  modules', ["'channels'", 'line 4']),
    'not YAML': ('[1, 2]', '[1, 2', ['arch:', 'not YAML', 'line']),
    'key a list': ('stages:', '? [1, 2]\n: 3\nstages:', ['arch:', 'key [1, 2]', 'line 2']),
    'date that is none': ('stages:', 'stem: 2001-13-40\nstages:', ['arch:', 'not YAML']),
    'python object': ('stages:', 'stem: !!python/name:os.system\nstages:', ['not YAML', 'line 2']),
    'not a date at all': ('stages:', 'stem: !!timestamp x\nstages:', ['arch:', 'not YAML']),
    'no flag': ('stages:', 'stem: !!bool x\nstages:', ['arch:', 'not YAML']),
    'an empty number': ('stages:', 'stem: !!int ""\nstages:', ['arch:', 'not YAML']),
    'merge key': ('stages:', '<<: {stem: 8}\nstages:', ['not YAML', 'line 2']),
    'nested without end': (TEXT, '[' * 5000, ['arch:', 'not YAML']),
    'a list': (TEXT, '- 1\n- 2\n', ['not an arch', "'family'"]),
    'a sentence': (TEXT, 'This is not an arch.', ['not an arch']),
    'nothing': (TEXT, '', ['not an arch']),
}


def one_line(error: pytest.ExceptionInfo[ArchError]) -> str:
    text = str(error.value)
    assert text.splitlines() == [text], 'a user error is one line'
    return text


@settings(deadline=None)
@given(hr_archs())
def test_yaml_round_trip_of_any_arch(arch: HRArch) -> None:
    again = load(dump(arch))
    assert again == arch
    assert hash(again) == hash(arch)
    assert from_dict(arch.to_dict()) == arch


@settings(deadline=None, max_examples=50)
@given(seeds, st.sampled_from([TINY, FULL]))
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
    old, new, expected = BROKEN[case]
    assert old in TEXT
    with pytest.raises(ArchError) as error:
        load(TEXT.replace(old, new, 1))
    line = one_line(error)
    for part in expected:
        assert part in line


@pytest.mark.parametrize('case', BROKEN)
def test_an_error_names_the_file(case: str, tmp_path: Path) -> None:
    old, new, _ = BROKEN[case]
    path = tmp_path / 'broken.yaml'
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(ArchError) as error:
        load_file(path)
    assert one_line(error).startswith(str(path))


@pytest.mark.parametrize(
    'content', [b'\xff\xfe\x00\x01', b'\x80\x02}q\x00.', b'a: \x00', b'PK\x03']
)
def test_a_binary_file_is_not_an_arch(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'net.pth'
    path.write_bytes(content)
    with pytest.raises(ArchError) as error:
        load_file(path)
    assert str(path) in one_line(error)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / 'none.yaml', tmp_path):
        with pytest.raises(ArchError) as error:
            load_file(path)
        assert str(path) in one_line(error)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode('latin-1')))
def test_no_text_gets_past_as_another_error(text: str) -> None:
    with pytest.raises(ArchError) as error:
        load(text)
    one_line(error)


def test_find_takes_a_name_or_a_path(tmp_path: Path) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text(dump(named('scalenas_s1')))
    assert find(str(path)) == find('scalenas_s1') == named('scalenas_s1')
    with pytest.raises(ArchError, match="did you mean 'scalenas_s1'"):
        find('scalenas-s1')
    with pytest.raises(ArchError, match='no such file'):
        find(str(tmp_path / 'other.yml'))
