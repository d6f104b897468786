"""The bounds that tools take: any columns, short forms, and mistakes in one line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from scalenas.cli import add_budget, add_columns, add_imports, budget_of, columns_of
from scalenas.complexity import Budget
from scalenas.errors import UserError

from ..errors import raises
from ..processes import run_tool


def parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_budget(parser, 'a test')
    add_columns(parser)
    return parser.parse_args(options)


@pytest.mark.parametrize(
    ('options', 'budget'),
    [
        ((), Budget()),
        (('--max', 'macs=3e9', 'ms=12', '--min', 'ms=4'), Budget(macs=(None, 3e9), ms=(4, 12))),
        (('--max', 'macs=3e9', '--max', 'acts=1'), Budget(macs=(None, 3e9), acts=(None, 1))),
        (('--max-macs', '3e9', '--max-params', '5'), Budget(macs=(None, 3e9), params=(None, 5))),
        (('--max-acts', '7', '--min', 'acts=2'), Budget(acts=(2, 7))),
        (('--max', 'macs=60%', '--min', 'ms=4'), Budget(macs=(None, '60%'), ms=(4, None))),
        (('--max-params', '12.5%'), Budget(params=(None, '12.5%'))),
    ],
)
def test_options_are_intervals(options: tuple[str, ...], budget: Budget) -> None:
    assert budget_of(parsed(*options)) == budget


@pytest.mark.parametrize(
    ('options', 'where'),
    [
        (('--max', 'macs'), '--max'),
        (('--min', 'macs=many'), '--min'),
        (('--max', '=3'), '--max'),
        (('--max', 'macs=3', 'macs=4'), '--max'),
        (('--max', 'macs=3', '--max-macs', '4'), '--max-macs'),
        (('--max', 'macs=-3'), 'budget.macs'),
        (('--max', 'macs=nan'), 'budget.macs'),
        (('--max', 'macs=nan%'), 'budget.macs'),
        (('--max', 'macs=x%'), '--max'),
        (('--max', 'macs=3', '--min', 'macs=4'), 'budget.macs'),
    ],
)
def test_what_is_no_bound_dies(options: tuple[str, ...], where: str) -> None:
    with pytest.raises(UserError) as error:
        budget_of(parsed(*options))
    assert error.value.where == where


@pytest.mark.parametrize(
    ('options', 'where'),
    [
        (('--max', 'ms=3'), '--max ms'),
        (('--latency-model', 'x.yaml'), '--latency-model'),
        (('--measure', 'cpu'), '--measure'),
        (('--max', 'ms=3', '--measure', 'cpu', '--latency-model', 'x.yaml'), '--max ms'),
        (('--max', 'ms=3', '--latency-model', 'none.yaml'), 'none.yaml'),
    ],
)
def test_milliseconds_are_those_of_one_device(options: tuple[str, ...], where: str) -> None:
    args = parsed(*options)
    with pytest.raises(UserError) as error:
        columns_of(args, 'efficientnet_b0', budget_of(args))
    assert where in str(error.value)


@pytest.mark.parametrize(('most', 'code'), [('300e6', 1), ('500e6', 0)])
def test_info_says_whether_a_network_is_within(most: str, code: int) -> None:
    done = run_tool('info', 'efficientnet_b0', '--max', f'macs={most}', '--min', 'params=1')
    assert done.returncode == code, done.stderr
    said = done.stdout.splitlines()[-1]
    assert said.startswith(f'budget macs <= {float(most):g}, params >= 1: ')
    assert ('beyond it' in said) is bool(code)


def test_a_module_that_registers_a_family_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('my_family_of_nets.py').write_text('REGISTERED = True\n')
    parser = argparse.ArgumentParser()
    add_imports(parser)
    before = list(sys.path)
    parser.parse_args(['--import', 'my_family_of_nets'])
    assert sys.modules.pop('my_family_of_nets').REGISTERED
    assert sys.path == before
    for name in ('not_there', 'my_family_of_nets.x', ''):
        with raises(UserError, where='--import', got=name):
            parser.parse_args(['--import', name])
    sys.modules.pop('my_family_of_nets', None)


def test_bounds_are_for_what_is_evaluated() -> None:
    options = ('none.py', 'none.pth', '--report-only')
    for more in (('--max', 'macs=1'), ('--seed', 7), ('--num-evaluations', 9)):
        done = run_tool('search', *options, *more, warm=True)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert f'{more[0]} with --report-only' in done.stderr
