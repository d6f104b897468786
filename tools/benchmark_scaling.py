"""Runtime of scaled networks on this device: figure 2 of fast scaling, and a latency line.

python tools/benchmark_scaling.py --out work_dirs/cpu
python tools/benchmark_scaling.py --device cuda --side 224 --batch 32 --out work_dirs/gpu
python tools/benchmark_scaling.py --bases scalenas_s1 --side 128 --max-factor 8 --out work_dirs/s1

Into --out go timings.jsonl (each timing at once: stop at any moment, the same command goes on),
table.md, latency.yaml (for tools/scale.py --latency-model), and a figure for each kind of run.
"""

from __future__ import annotations

import argparse

from scalenas.arch import ROUNDINGS, Arch, Size, find, rounding
from scalenas.arch.strict import as_int
from scalenas.cli import main_of
from scalenas.errors import UserError
from scalenas.paths import writable_folder
from scalenas.scaling import LatencyModel
from scalenas.scaling.latency import EVERY, KINDS
from scalenas.scaling.measure import Journal, Timer, measure, timings
from scalenas.scaling.runtime import (
    BASES,
    FIGURE_2,
    base_at,
    base_name,
    latency_lines,
    networks,
    powers,
    runtime_table,
    spread_text,
)
from scalenas.staging import write_whole
from scalenas.visualization.draw_samples import draw_runtime


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the results')
    parser.add_argument('--bases', nargs='+', default=list(BASES), help='zoo names or YAML files')
    parser.add_argument(
        '--strategies', nargs='+', default=list(FIGURE_2), help='as in tools/scale.py'
    )
    parser.add_argument('--max-factor', type=float, default=32, help='scale by 1, 2, 4 ... to this')
    parser.add_argument('--side', type=int, help="input side of the bases; default: the nets' own")
    parser.add_argument('--rounding', choices=sorted(ROUNDINGS), default='pycls')
    parser.add_argument('--kinds', nargs='+', choices=KINDS, default=list(KINDS))
    parser.add_argument('--device', help='cpu, cuda or cuda:N (default: as training, a GPU if any)')
    parser.add_argument('--batch', type=int, default=1, help='images of a run')
    parser.add_argument('--threads', type=int, default=1, help='of the CPU')
    parser.add_argument(
        '--clock',
        choices=('wall', 'processor'),
        default='wall',
        help='processor: what other work on the machine takes does not count (cpu, one thread)',
    )
    parser.add_argument('--rounds', type=int, default=3, help='visits to every network')
    parser.add_argument('--runs', type=int, default=5, help='timed runs of a visit')
    parser.add_argument('--seed', type=int, default=0, help='of the order')
    parser.add_argument(
        '--statistic',
        choices=('median', 'fastest'),
        default='median',
        help='of all runs; fastest where other work disturbs the machine',
    )
    return parser.parse_args()


def timer_of(args: argparse.Namespace, device: str) -> Timer:
    """Seconds of each run of a network as it is trained; none where there is no memory for it."""
    from scalenas.deploy import NetTimer, NoMemoryError, RuntimeStopwatch, TrainingStopwatch

    kinds = {'inference': RuntimeStopwatch, 'training': TrainingStopwatch}
    timers = {
        kind: NetTimer(
            of('torch', None, device, args.threads, args.batch, 1, args.clock), args.runs, True
        )
        for kind, of in kinds.items()
    }

    def seconds(arch: Arch, size: Size, kind: str) -> list[float]:
        try:
            return timers[kind](arch, size)
        except NoMemoryError:
            return []

    return seconds


def main() -> None:
    """Time what is not timed yet, then write table, lines and figures."""
    args = parse_args()
    for name, least in {'batch': 1, 'threads': 1, 'rounds': 1, 'runs': 2, 'side': 1}.items():
        if (value := getattr(args, name)) is not None:
            as_int(value, f'--{name}', least)
    if args.clock == 'processor' and args.threads > 1:
        raise UserError(
            '--clock processor adds up the time of all threads',
            where='--threads',
            got=args.threads,
            allowed='1',
        )
    bases = {base_name(base): base_at(find(base), args.side) for base in args.bases}
    if len(bases) < len(args.bases):
        raise UserError('two bases have one name', where='--bases', got=args.bases)
    rule, factors = rounding(args.rounding), powers(args.max_factor)
    nets = networks(bases, args.strategies, factors, rule)
    # Only timing needs torch.
    import torch

    from scalenas.deploy import device_name
    from scalenas.evaluation.device import choose_device

    device = str(choose_device(args.device))
    timer = timer_of(args, device)
    setting = {
        'device': f'{device}, {device_name(device)}, {args.clock} clock',
        'threads': args.threads,
        'batch': args.batch,
        'software': f'torch {torch.__version__}',
        'runs': args.runs,
        'sides': {base: scaled.size for base, scaled in bases.items()},
        'rounding': args.rounding,
    }
    out = writable_folder(args.out)
    journal = Journal(out / 'timings.jsonl', setting)
    print(f'{len(nets)} networks on {setting["device"]}', flush=True)
    measure(
        nets,
        args.kinds,
        journal,
        timer,
        args.rounds,
        args.seed,
        lambda text: print(text, flush=True),
    )
    tables = {}
    for kind in args.kinds:
        tables[kind], without = timings(nets, kind, journal, args.statistic)
        if without:
            print(f'{kind}: no memory for {", ".join(without)}')
    text = runtime_table(tables)
    print(text)
    print(spread_text(tables))
    write_whole(out / 'table.md', text + '\n')
    about = {key: setting[key] for key in ('device', 'threads', 'batch', 'software')}
    lines = {kind: latency_lines(rows) for kind, rows in tables.items()}
    lines = {kind: rows for kind, rows in lines.items() if EVERY in rows}
    write_whole(out / 'latency.yaml', LatencyModel(**about, lines=lines).dump())
    for kind in tables.keys() - lines.keys():
        print(f'{kind}: times do not rise with activations, latency.yaml has no line for it')
    for kind, rows in tables.items():
        what = 'training step' if kind == 'training' else kind
        draw_runtime(rows, out / f'{kind}.png', f'{what}, batch {args.batch}', setting['device'])
    print(
        f'wrote table.md, latency.yaml and {", ".join(f"{kind}.png" for kind in tables)} to {out}'
    )


if __name__ == '__main__':
    main_of(main)
