"""Values written as Python source are the same values when Python reads them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from mmengine.config import Config

from scalenas.errors import ExportError
from scalenas.export.text import as_config, as_source
from tests.errors import raises

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.text(min_size=1, max_size=8) | st.sampled_from(
    ['type', 'class', 'lambda', 'arch', 'None']
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_leaves=25,
)


def test_numbers_of_numpy_are_numbers() -> None:
    """A config may compute; its values may be no plain ones."""
    value = {'lr': np.sqrt(np.float64(2)), 'steps': np.int64(3), 'on': np.bool_(True)}
    assert eval(as_source(value)) == {'lr': math.sqrt(2), 'steps': 3, 'on': True}
    assert as_source([np.float32('inf'), np.str_('a')]) == "[float('inf'), 'a']"


@given(VALUES)
@example({'µ': None})  # the micro sign, which an identifier loses
def test_python_reads_back_what_was_written(value: object) -> None:
    assert eval(as_source(value)) == value


def test_long_lists_of_words_fill_lines_and_long_lines_break() -> None:
    value = {
        'fusions': [f'{i}<-{k}' for i in range(9) for k in range(9)],
        'deep': [{'a': 'b' * 70}] * 3,
    }
    text = as_source(value)
    assert eval(text) == value
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.splitlines()) < 25


def test_a_word_longer_than_a_line_stays_whole() -> None:
    value = ['short', 'a-very/long.word' * 20, 'short']
    assert eval(as_source(value)) == value


def test_mmengine_reads_the_config(tmp_path: Path) -> None:
    variables = {'a': {'type': 'X', 'n': (1,)}, 'b': [math.inf], 'model': {'in': {1: 2}}}
    (tmp_path / 'c.py').write_text(as_config(variables, 'two\nlines'))
    assert Config.fromfile(tmp_path / 'c.py').to_dict() == variables


def test_a_value_without_a_plain_form_is_named() -> None:
    with raises(ExportError, where='model.parts[1]', got={2}):
        as_config({'model': {'parts': [1, {2}]}})
