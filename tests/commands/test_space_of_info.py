"""`scalenas info --space`: a space by name; what is for one network is refused."""

from __future__ import annotations

import pytest

from scalenas.commands import CONSOLE, run
from scalenas.complexity import Counter
from scalenas.space import named
from scalenas.visualization.cost_table import Extent
from tests.errors import raises


@pytest.mark.parametrize(
    ('bounds', 'code'),
    [((), 0), (('macs=60%',), 0), (('macs=60%', 'params=60%'), 0), (('macs=11%',), 1)],
)
def test_a_space_by_name(
    bounds: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its networks bring their own input size; the smallest has 11.5 % of the largest's macs."""
    words = ['--space', 'bignas_search', '--head', 'none']
    assert run('info', [*words, *(('--max', *bounds) if bounds else ())], CONSOLE) == code
    said = capsys.readouterr().out.splitlines()
    extent = Extent.of(named('bignas_search'), Counter())
    (row,) = [line for line in said if line.startswith('macs ')]
    share = next(word for word in row.split() if word.startswith('('))
    small = 100 * extent.smallest['macs'] / extent.largest['macs']
    assert float(share.strip('()%')) == pytest.approx(small, abs=0.051)
    assert len([line for line in said if line.startswith('bound ')]) == len(bounds)


@pytest.mark.parametrize(
    'option', ['--layers', '--subnet=largest', '--draw=x.png', '--measure=cpu']
)
def test_what_is_of_one_network_is_refused(option: str) -> None:
    with raises(where=f'{option.partition("=")[0]} with --space'):
        run('info', ['--space', 'bignas_search', option], CONSOLE)


def test_mistakes_are_one_line() -> None:
    with raises(got='bignas_serach'):
        run('info', ['--space', 'bignas_serach'], CONSOLE)
    with raises(got='ms'):
        run('info', ['--space', 'bignas_search', '--max', 'ms=5'], CONSOLE)
    with raises(where='budget.macs', got='60%'):
        run('info', ['efficientnet_b0', '--max', 'macs=60%'], CONSOLE)
