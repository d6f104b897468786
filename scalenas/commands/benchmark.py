"""Latency of networks in runtimes, timed against each other, and how far the result can be trusted.

scalenas benchmark scalenas_s1 hrnet_w32 --size 256 512 --runtime onnxruntime openvino torch
scalenas benchmark exported/mine.py efficientnet_b0 --size 224 224 --rounds 60
scalenas benchmark scalenas_s1 hrnet_w32 --size 256 512 --measure 'adb shell time_it {net}'
scalenas benchmark --units CONFIG --size 256 512 --runtime onnxruntime --out table.json

Networks: names of the zoo, archs in YAML (backbones with random weights), and exports (NAME.py and
NAME.pth: whole models). All are visited once a round, in an order of its own. Times are kept in
--cache: stop at any moment, the same command goes on.

--units times each distinct unit of the space of a config (or of a named space) alone, and --whole
networks as a whole, of which half correct the sums of units and the others judge them; the table
that it writes is a column of a search.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from scalenas.arch.strict import as_int, as_size
from scalenas.errors import UserError
from scalenas.paths import new_file
from scalenas.staging import write_whole


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('nets', nargs='*', metavar='NET', help='zoo name, YAML file, or export')
    parser.add_argument('--units', metavar='CONFIG', help='of a supernet, or the name of a space')
    parser.add_argument(
        '--whole', type=int, default=16, help='with --units: networks that are timed whole'
    )
    parser.add_argument('--out', metavar='FILE', help='with --units: the table, e.g. table.json')
    parser.add_argument('--runtime', nargs='+', metavar='NAME', help='default: torch')
    parser.add_argument('--measure', metavar='COMMAND', help='a device by a command with {net}')
    parser.add_argument('--timeout', type=float, default=600.0, help='seconds of --measure')
    parser.add_argument('--size', nargs=2, type=int, metavar=('H', 'W'), help="default: the nets'")
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--threads', type=int, default=1, help='of the CPU')
    parser.add_argument('--precision', help="default: the runtime's first, fp32")
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    parser.add_argument('--rounds', type=int, default=30, help='visits to every network')
    parser.add_argument('--runs', type=int, default=3, help='timed runs of a visit')
    parser.add_argument(
        '--clock',
        choices=('wall', 'processor'),
        default='wall',
        help='processor: what other work on the machine takes does not count (cpu, one thread)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of orders and halves')
    parser.add_argument('--least-tau', type=float, default=0.5, help='rank nothing below it')
    parser.add_argument('--no-memory', action='store_true', help='do not measure peak memory')
    parser.add_argument('--cache', default='work_dirs/latency', metavar='DIR')
    parser.add_argument('--json', metavar='FILE', help='all times, ranks and settings')
    return parser


def check(args: argparse.Namespace) -> None:
    """Say at once what can be refused before anything is measured."""
    from scalenas.latency.table import LatencyTable, is_table

    least = {'batch': 1, 'threads': 1, 'rounds': 1, 'runs': 1, 'seed': 0, 'whole': 0}
    for name, lowest in least.items():
        as_int(getattr(args, name), f'--{name}', lowest)
    if args.size:
        args.size = as_size(tuple(args.size), '--size')
    if bool(args.nets) is (args.units is not None):
        raise UserError(where='networks', got=args.nets, allowed='networks, or --units')
    if (args.out is None) is not (args.units is None):
        raise UserError('go together', where='--units and --out', got=args.out)
    for unused, by in (('runtime', 'measure'), ('precision', 'measure'), ('json', 'units')):
        if getattr(args, unused) is not None and getattr(args, by) is not None:
            raise UserError(f'is not used with --{by}', where=f'--{unused}', hint='leave it out')
    args.runtime = args.runtime or ['torch']
    if args.units and len(args.runtime) > 1:
        raise UserError(where='--runtime', got=args.runtime, allowed='one with --units')
    if not -1 <= args.least_tau <= 1:
        raise UserError(where='--least-tau', got=args.least_tau, allowed='a number in -1 ... 1')
    if not 0 < args.timeout < float('inf'):
        raise UserError(where='--timeout', got=args.timeout, allowed='seconds > 0')
    for file in filter(None, (args.json, args.out)):
        new_file(file, force=True)
    if args.out and not is_table(args.out):
        raise UserError(where='--out', got=args.out, allowed='NAME.json, by which it is known')
    if args.out and Path(args.out).exists():
        LatencyTable.from_file(args.out)  # nothing but an older table gives way


def stopwatches(args: argparse.Namespace) -> list[Any]:
    """What times the networks."""
    from scalenas.deploy import CommandStopwatch, RuntimeStopwatch

    if args.measure:
        return [CommandStopwatch(args.measure, args.timeout, args.batch)]
    names = ('precision', 'device', 'threads', 'batch', 'runs', 'clock')
    options = {name: getattr(args, name) for name in names}
    return [RuntimeStopwatch(name, **options) for name in args.runtime]


def say(text: str) -> None:
    """On the way, at once."""
    print(text, flush=True)


def main(args: argparse.Namespace) -> None:
    """Measure what is not known, print, write."""
    check(args)
    from scalenas.deploy import benchmark, measured_table, space_named
    from scalenas.latency import Cache

    timers, cache = stopwatches(args), Cache(args.cache)
    if args.units:
        space = space_named(args.units)
        table = measured_table(
            space, args.size, timers[0], cache, args.rounds, args.whole, args.seed, say
        )
        table.write(args.out)
        print(f'{table}\n{table.agreement or "not compared with whole networks"}')
        print(f'wrote {args.out}')
        return
    found = benchmark(
        args.nets,
        timers,
        args.size,
        cache,
        args.rounds,
        args.seed,
        args.least_tau,
        not args.no_memory,
        say,
    )
    print('\n\n'.join(map(str, found)))
    if args.json:
        plain = [each.to_dict() for each in found]
        write_whole(args.json, json.dumps(plain, indent=1, allow_nan=False) + '\n')
        print(f'wrote {args.json}')
