"""Errors of the user carry what they say as fields."""

import pickle
import time

from scalenas.arch import ArchError
from scalenas.errors import NOTHING, UserError, short


def test_the_line_is_made_from_the_fields() -> None:
    error = UserError(where='search.budget', got=0, allowed='bounds', hint='leave it out')
    assert str(error) == 'search.budget: expected bounds, got 0; leave it out'
    error = UserError('unknown key', where='a', got='depht', allowed=('depth', 'y', 'z'))
    assert (
        str(error) == "a: unknown key; expected one of depth, y, z, got 'depht'; "
        "did you mean 'depth'?"
    )
    assert str(UserError(where='a', got=3, allowed=(1, 2))) == 'a: expected 1 or 2, got 3'
    assert str(UserError(got=3, allowed=range(99))).endswith(', ... (99 in all), got 3')
    assert str(UserError('is no file', where='a.py')) == 'a.py: is no file'
    assert str(UserError(where='a', got=None)) == 'a: got None'
    assert UserError('anything else').got is NOTHING


def test_fields_survive_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(ArchError('odd', where='a.b', got=(1, 2), hint='c')))
    assert isinstance(error, ArchError)
    assert (error.where, error.got, error.hint) == ('a.b', (1, 2), 'c')
    assert str(error) == 'a.b: odd; got (1, 2); c'
    assert str(error.within('d')) == 'd.a.b: odd; got (1, 2); c'


def test_the_repr_of_nested_aliases_is_short_and_quick() -> None:
    value: list[object] = ['x' * 1000]
    for _ in range(60):
        value = [value] * 9
    start = time.perf_counter()
    assert len(short(value)) <= 60
    assert time.perf_counter() - start < 5  # the whole repr has 9**60 entries
    value.append(value)
    assert len(short({'a': value, 'b': 'two\nlines'})) <= 60
    assert short('two\nlines') == "'two\\nlines'"
    assert short(10**5000) == '<a huge number>'


def test_an_error_says_first_in_which_file_it_is() -> None:
    error = UserError('is none', where='arch.stages').of('net.yaml')
    assert (error.where, error.problem) == ('net.yaml: arch.stages', 'is none')
    assert str(error) == 'net.yaml: arch.stages: is none'
    assert UserError('is none').of('net.yaml').where == 'net.yaml'
    assert UserError('is none', where='stages').within('arch').of('net.yaml').where == (
        'net.yaml: arch.stages'
    )
