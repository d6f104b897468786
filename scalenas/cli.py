"""What command line tools share: errors of the user are one line, bugs a traceback; timing."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from scalenas.errors import UserError, short

if TYPE_CHECKING:
    from scalenas.complexity import Budget, Measure
    from scalenas.deploy import NetTimer

TIMED_RUNS = 15
TIMED_COMMANDS = 3
OF_THE_MACHINE = frozenset(
    {
        *(errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM),
        *(errno.EROFS, errno.EIO, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EMFILE),
    }
)
"""What a file system may refuse, whatever is asked of it."""


def main_of(main: Callable[[], int | None]) -> NoReturn:
    """Run a tool: exits with its code, 2 after a user's error, 130 after Ctrl-C."""
    try:
        code = main()
        sys.stdout.flush()
    except UserError as error:
        line = ' '.join(str(error).split())
        print(f'error: {line}', file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # what reads has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        # A full disk or a name of 300 letters is nobody's bug; a file that is not there may be.
        if error.errno not in OF_THE_MACHINE:
            raise
        place = '' if error.filename is None else f'{short(str(error.filename))}: '
        print(f'error: {place}{error.strerror}', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print('interrupted; what was written stays', file=sys.stderr)
        sys.exit(130)
    sys.exit(code or 0)


def complete_archs(action: argparse.Action) -> None:
    """Let argcomplete, where it is installed, offer names of the zoo."""

    def names(**_: Any) -> list[str]:
        from scalenas.api import list_archs

        return list_archs()

    action.completer = names  # type: ignore[attr-defined]


class _Import(argparse.Action):
    """Imports modules where they are named, before anything asks what they register."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        # Modules of the working directory are found, as those of `custom_imports` are.
        sys.path.insert(0, '')
        try:
            for name in values:
                import_module(name)
        except (ImportError, ValueError) as error:
            raise UserError(f'cannot be imported: {error}', where=str(option), got=name) from None
        finally:
            sys.path.remove('')


def add_imports(parser: argparse.ArgumentParser) -> None:
    """The option --import, for families of networks that another module registers."""
    parser.add_argument(
        '--import',
        dest='imports',
        nargs='+',
        action=_Import,
        metavar='MODULE',
        help='modules that register families of your own',
    )


class _CfgOptions(argparse.Action):
    """mmengine's DictAction, imported when an option is there: help needs no mmengine."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        from scalenas.config import DictAction

        DictAction(self.option_strings, self.dest)(parser, namespace, values, option)


def add_cfg_options(parser: argparse.ArgumentParser, default: Any = None) -> None:
    """The option --cfg-options of the ecosystem."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_CfgOptions,
        default=default,
        metavar='KEY=VALUE',
        help='settings that replace those of the config: a.b=1 c="[1,2]"',
    )


def add_budget(parser: argparse.ArgumentParser, what: str) -> None:
    """The options --max and --min, bounds on any columns, and short forms of the usual ones.

    `what` is done with the bounds.
    """
    form: dict[str, Any] = {
        'nargs': '+',
        'action': 'extend',
        'default': [],
        'metavar': 'COLUMN=VALUE',
    }
    parser.add_argument('--max', **form, help=f'{what}: upper bounds, e.g. macs=300e9 ms=12')
    parser.add_argument('--min', **form, help='lower bounds, likewise')
    for name in ('macs', 'params', 'acts'):
        parser.add_argument(
            f'--max-{name}', type=_bound, metavar='VALUE', help=f'--max {name}=VALUE'
        )


def budget_of(args: argparse.Namespace) -> Budget:
    """The bounds that these options give.

    Raises:
        UserError: for what is no `COLUMN=VALUE`, a column given twice, or a bound below zero.
    """
    from scalenas.complexity import Budget

    most, least = _bounds(args.max, '--max'), _bounds(args.min, '--min')
    for name in ('macs', 'params', 'acts'):
        value = getattr(args, f'max_{name}')
        if value is not None and name in most:
            raise UserError('is given twice', where=f'--max-{name}', hint=f'or --max {name}=...')
        if value is not None:
            most[name] = value
    return Budget.between(least, most)


def _bounds(texts: Sequence[str], option: str) -> dict[str, float | str]:
    bounds: dict[str, float | str] = {}
    for text in texts:
        name, equals, value = text.partition('=')
        try:
            number = _bound(value)
        except ValueError:
            equals = ''
        if not name or not equals:
            allowed = 'COLUMN=VALUE, such as macs=300e9 or macs=60%'
            raise UserError(where=option, got=text, allowed=allowed)
        if name in bounds:
            raise UserError('is given twice', where=option, got=text)
        bounds[name] = number
    return bounds


def _bound(text: str) -> float | str:
    """A number, or a percentage of the largest network as text."""
    number = float(text.removesuffix('%'))
    return text if text.endswith('%') else number


def add_timing(parser: argparse.ArgumentParser, what: str) -> None:
    """The option --measure, and those that go with it; `what` is done with the device."""
    parser.add_argument(
        '--measure',
        metavar='DEVICE',
        help=f'{what}: on cpu, cuda or cuda:N, or by a command with {{net}}: docs/latency.md',
    )
    parser.add_argument('--runtime', help='with --measure: what runs them (default: torch)')
    parser.add_argument('--precision', help="with --measure: default the runtime's first, fp32")
    parser.add_argument('--batch', type=int, help='with --measure: images of a run (default: 1)')
    parser.add_argument('--threads', type=int, help='with --measure: of the CPU (default: 1)')


def add_columns(parser: argparse.ArgumentParser) -> None:
    """What the column ms of a budget is read off: --latency-model, or --measure."""
    parser.add_argument(
        '--latency-model',
        metavar='FILE',
        help='the column ms, estimated: by a table of units of tools/benchmark.py (.json), or a '
        'line of tools/benchmark_scaling.py (.yaml)',
    )
    add_timing(parser, 'or by timing networks')


def columns_of(args: argparse.Namespace, base: str, budget: Budget) -> dict[str, Measure]:
    """The measured columns of the budget; `base` is the network of which a line may be.

    Raises:
        UserError: when the budget has milliseconds and nobody says of which device, or the other
            way round.
    """
    given = [name for name in ('latency_model', 'measure') if getattr(args, name) is not None]
    if given and 'ms' not in budget:
        option = given[0].replace('_', '-')
        raise UserError('is not used', where=f'--{option}', hint='give --max ms=20 with it')
    timer = timer_of(args)
    if 'ms' not in budget:
        return {}
    if len(given) != 1:
        hint = 'give --latency-model FILE or --measure DEVICE with it'
        raise UserError('milliseconds of which device?', where='--max ms', hint=hint)
    if timer is not None:
        return {'ms': timer.ms}
    from scalenas.latency.table import LatencyTable, is_table

    if is_table(args.latency_model):
        table = LatencyTable.from_file(args.latency_model)
        print(f'table: {table}; {table.agreement or "not compared with whole networks"}')
        return {'ms': table}
    from scalenas.scaling import LatencyModel

    model = LatencyModel.from_file(args.latency_model)
    name, line = model.line(base)
    print(f'line of {name}: batch {model.batch}, {model.threads} threads, {model.device}')
    return {'ms': line}


def timer_of(args: argparse.Namespace) -> NetTimer | None:
    """What times networks as these options ask; None without --measure.

    Raises:
        UserError: for numbers below 1 or without --measure, or a device that is not there.
    """
    for name in ('batch', 'threads'):
        if getattr(args, name) is not None and (args.measure is None or getattr(args, name) < 1):
            raise UserError(
                where=f'--{name}',
                got=getattr(args, name),
                allowed='a whole number >= 1 with --measure, where it is used',
            )
    for name in ('runtime', 'precision'):
        if getattr(args, name) is not None and args.measure is None:
            raise UserError('needs --measure', where=f'--{name}')
    if args.measure is None:
        return None
    # The tools that time work without torch otherwise.
    from scalenas.deploy import CommandStopwatch, NetTimer, RuntimeStopwatch

    if '{net}' in args.measure:
        for name in ('runtime', 'precision', 'threads'):
            if getattr(args, name) is not None:
                raise UserError('is not for a command', where=f'--{name}', hint='leave it out')
        return NetTimer(CommandStopwatch(args.measure, batch=args.batch or 1), TIMED_COMMANDS)
    from scalenas.evaluation.device import choose_device

    stopwatch = RuntimeStopwatch(
        args.runtime or 'torch',
        args.precision,
        str(choose_device(args.measure)),
        args.threads or 1,
        args.batch or 1,
        runs=1,
    )
    return NetTimer(stopwatch, TIMED_RUNS)
