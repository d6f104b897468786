"""The walk through configs: what is visited, in which order, and what is left out."""

from __future__ import annotations

from scalenas.config.walk import place_of, replaced, tables_in, walk

NESTED = {'a': [{'x': 1}, ({'y': {'z': 2}}, 3)], 'norm_cfg': {'type': 'BN'}}


def test_all_is_visited_the_outer_first() -> None:
    assert [path for path, _ in walk(NESTED)] == [
        (),
        ('a',),
        ('a', 0),
        ('a', 0, 'x'),
        ('a', 1),
        ('a', 1, 0),
        ('a', 1, 0, 'y'),
        ('a', 1, 0, 'y', 'z'),
        ('a', 1, 1),
        ('norm_cfg',),
        ('norm_cfg', 'type'),
    ]
    for path, value in walk(NESTED):
        found = NESTED
        for step in path:
            found = found[step]  # type: ignore[index]
        assert found is value


def test_tables_have_places() -> None:
    assert [place for place, _ in tables_in(NESTED, 'model')] == [
        'model',
        'model.a[0]',
        'model.a[1][0]',
        'model.a[1][0].y',
        'model.norm_cfg',
    ]
    assert [place for place, _ in tables_in(NESTED['a'])] == ['[0]', '[1][0]', '[1][0].y']


def test_what_is_left_out_is_not_visited() -> None:
    assert 'model.norm_cfg' not in dict(tables_in(NESTED, 'model', ('norm_cfg',)))
    assert [path for path, _ in walk({'a': {'norm_cfg': 1}}, without=('norm_cfg',))] == [(), ('a',)]


def test_a_part_is_replaced_in_a_copy() -> None:
    before = repr(NESTED)
    for path, _ in walk(NESTED):
        changed = dict(walk(replaced(NESTED, path, 'new')))
        assert changed[path] == 'new'
    assert repr(NESTED) == before


def test_places_read_as_in_messages() -> None:
    assert place_of(('model', 'neck', 0, 'type')) == 'model.neck[0].type'
    assert place_of((0, 'type'), 'custom_hooks') == 'custom_hooks[0].type'
