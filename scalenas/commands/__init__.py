# PYTHON_ARGCOMPLETE_OK
"""The console command `scalenas`, and its sub-commands by name; tools/NAME.py starts the same.

A new one is an entry of `COMMANDS` and a module with `parser()` and `main(args)`. A parser is made
without torch and without the packages of OpenMMLab, so that help is there at once and anywhere;
`main` imports what it needs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from scalenas.cli import main_of
from scalenas.family import loaded
from scalenas.version import __version__


@dataclass(frozen=True, slots=True)
class Command:
    """A line of help, and where the two functions of a sub-command are.

    Attributes:
        help: what it does, in one line.
        module: where they are; `parser()` makes the argument parser, and `main(args)` returns the
            exit code, None for 0. `args.form.format('train')` is another sub-command as this one
            was given, `args.words` are its arguments.
    """

    help: str
    module: str
    parser: str = 'parser'
    main: str = 'main'

    def parser_of(self, name: str, form: str) -> argparse.ArgumentParser:
        """Its argument parser; `form` is how it was given, `'scalenas {}'` or that of a tool."""
        parser: argparse.ArgumentParser = loaded(f'{self.module}:{self.parser}')()
        given = form.format(name)
        parser.prog = given.removeprefix('python ')
        if parser.description:
            parser.description = parser.description.replace(f'scalenas {name}', given)
        return parser


COMMANDS: Mapping[str, Command] = {
    'init': Command(
        'write the configs of a search for the model that you have',
        *('scalenas.commands.adoption', 'init_parser', 'init'),
    ),
    'run': Command(
        'train, search, export and test as these say; resumes',
        *('scalenas.commands.adoption', 'run_parser', 'run'),
    ),
    'adopt': Command(
        'put an exported net into your own config',
        *('scalenas.commands.adoption', 'adopt_parser', 'adopt'),
    ),
    'train': Command(
        'train what a config describes: a teacher, a supernet, any net',
        *('scalenas.commands.training', 'train_parser', 'train'),
    ),
    'test': Command(
        'test a checkpoint, or one sub-net of a supernet',
        *('scalenas.commands.training', 'test_parser', 'test'),
    ),
    'search': Command(
        'search a trained supernet, or continue a search',
        *('scalenas.commands.training', 'search_parser', 'search'),
    ),
    'export': Command(
        'write a sub-net as an ordinary model: weights, config, proof', 'scalenas.commands.export'
    ),
    'report': Command(
        'one HTML file about searches: fronts, drawings, tables', 'scalenas.commands.report'
    ),
    'transfer': Command(
        'take an exported net to other tasks: ready configs',
        *('scalenas.commands.export', 'transfer_parser', 'transfer'),
    ),
    'info': Command('what a network is and costs', 'scalenas.commands.info'),
    'zoo': Command(
        'the networks of the zoo, with their costs',
        *('scalenas.commands.info', 'zoo_parser', 'zoo'),
    ),
    'scale': Command('grow a network by a strategy, or into a budget', 'scalenas.commands.scale'),
    'benchmark': Command('time networks in runtimes', 'scalenas.commands.benchmark'),
    'doctor': Command('what works in this installation, and what does not', 'scalenas.doctor'),
}
"""Name -> sub-command, in the order of the help."""

CONSOLE, TOOL = 'scalenas {}', 'python tools/{}.py'


def console() -> NoReturn:
    """The command `scalenas`, with the arguments of the process."""
    words = sys.argv[1:]
    if '_ARGCOMPLETE' in os.environ:
        _complete()
    if words and words[0] in COMMANDS:
        main_of(lambda: run(words[0], words[1:], CONSOLE))
    parser = _parser()
    parser.parse_args(words)
    parser.print_help()
    sys.exit(2)


def tool(name: str) -> NoReturn:
    """What tools/NAME.py is: the sub-command, with the arguments of the process."""
    main_of(lambda: run(name, sys.argv[1:], TOOL))


def run(name: str, words: Sequence[str], form: str) -> int | None:
    """Do what a sub-command is asked to; its exit code.

    Raises:
        UserError: as it does.
    """
    command = COMMANDS[name]
    args = command.parser_of(name, form).parse_args(words)
    args.form, args.words = form, list(words)
    main: Callable[[argparse.Namespace], int | None] = loaded(f'{command.module}:{command.main}')
    return main(args)


def _parser(name: str | None = None) -> argparse.ArgumentParser:
    """The parser of `scalenas`, in which the sub-command `name` has its options."""
    width = max(map(len, COMMANDS))
    listed = [f'  {each.ljust(width)}  {command.help}' for each, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        'scalenas',
        usage='scalenas [-h] [--version] COMMAND ...',
        description='Train one weight-shared network, search it, export its best sub-networks.',
        epilog='\n'.join(['commands:', *listed, '', '`scalenas COMMAND --help` says more of one.']),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'scalenas {__version__}')
    # argparse's own list has no room for the longest name.
    commands = parser.add_subparsers(metavar='COMMAND', help=argparse.SUPPRESS)
    for each, command in COMMANDS.items():
        commands.add_parser(each, help=command.help)
    if name is not None:
        commands.choices[name] = COMMANDS[name].parser_of(name, CONSOLE)
    return parser


def _complete() -> None:
    """Answer a shell that asks what may follow, and end; nothing where argcomplete is missing."""
    try:
        import argcomplete
    except ModuleNotFoundError:
        return
    words = os.environ.get('COMP_LINE', '').split()
    argcomplete.autocomplete(_parser(next((word for word in words if word in COMMANDS), None)))
