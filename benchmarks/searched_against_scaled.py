#!/usr/bin/env python3
"""Networks chosen from a table against uniformly scaled HRNets, all trained alone.

    python benchmarks/searched_against_scaled.py [--seeds 4] [--random 4]

Uniformly scaled: stock HRNets (all branches equally deep, every fusion at the end of a module, but
for those that the head does not read) of several widths at each of two depths. Searched: for each
of them the network that scores most in the supernet, on the search split, of all in the table
`scalenas.benchmarks.hr_scenes` with at most its MACs, or with at most its milliseconds. Random, as
a control: for each of them and each of --random seeds one that is drawn from the networks of the
table with 95 to 100 % of its MACs. All are trained by
configs/scalenas_seg/scenes/alone_w8_1xb16-600_scenes-64x64.py, seed by seed, and scored on the
validation split, which no choice has seen. A second start goes on; any number of processes share
the trainings. Prints tables and writes them to --out. Milliseconds are taken once (a minute).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from hr_scenes import ALONE, SIZE, appended, claimed, data, read_rows, root, say, todo
from mmengine.config import Config
from scenes_ranks import functions, interval, multiplicities, percentiles
from scenes_training import Images, Training, mean_iou, quiet

from projects.demo_data.scenes import CLASSES
from scalenas.arch import HRArch, Layer, pruned
from scalenas.arch.hrnet import stock_hrnet
from scalenas.benchmarks import TableBenchmark, hr_scenes
from scalenas.complexity import Cost, Counter, count
from scalenas.deploy import RuntimeStopwatch, candidate
from scalenas.deploy.nets import of_arch
from scalenas.latency import Cache, measure
from scalenas.search import Record
from scalenas.staging import write_whole

SCALED = ((6, 2), (7, 2), (8, 2), (9, 2), (8, 1), (9, 1), (10, 1), (11, 1))
"""Width and depth of each uniformly scaled network."""
HEAD_CHANNELS = 32
NEAR = 0.95
"""Of the MACs of a scaled network, what a random one has at least."""
ROUNDS, ANCHORS = 30, 16
"""Of the stopwatch, and networks of the table that are timed with the scaled ones."""


class Pair(NamedTuple):
    """A uniformly scaled network, and the slot of the one that it is compared with."""

    width: int
    depth: int
    scaled: HRArch
    slot: int

    @property
    def name(self) -> str:
        """Of the scaled network."""
        return f'w{self.width}_d{self.depth}'

    @property
    def names(self) -> tuple[str, str]:
        """Of both trainings; pairs may share a searched network."""
        return f'scaled_{self.name}', f'searched_{self.slot}'


def whole_cost(arch: HRArch) -> Cost:
    """Of the network with its head on the finest feature map."""
    finest = (SIZE[0] // 4, SIZE[1] // 4)
    c = arch.out_channels[0]
    head = [
        Layer('decode_head.convs.0.conv', c, HEAD_CHANNELS, 1, finest, bias=False),
        Layer(
            'decode_head.conv_seg', HEAD_CHANNELS, len(CLASSES), 1, finest, bias=True, norm=False
        ),
    ]
    return Counter(SIZE, rest=count(head))(arch)


@cache
def the_table() -> TableBenchmark:
    return hr_scenes.load()


def arch_of(slot: int) -> HRArch:
    """Of the table."""
    arch = the_table().archs[slot]
    assert isinstance(arch, HRArch)
    return arch


@cache
def distinct() -> tuple[Record, ...]:
    """The networks of the table without blocks that reach no output: one of each function."""
    table = the_table()
    same = functions(table.space, table.archs)
    return tuple(record for record in table.records if same[record.slot] == record.slot)


def scaled(width: int, depth: int) -> HRArch:
    """A stock HRNet with the stem and stage 1 of the space, without fusions that no head reads."""
    like = arch_of(0)
    modules = [len(stage.modules) for stage in like.stages]
    stock = stock_hrnet(width, modules, depth, like.stage1_blocks, output='single')
    options = {name: getattr(like, name) for name in ('stem', 'stage1_channels', 'upsample')}
    found: HRArch = pruned(stock.with_(**options))
    return found


def best_of(records: Sequence[Record], column: str) -> int:
    """The slot of the highest score; of several the cheapest."""
    return max(records, key=lambda record: (record.metrics['mIoU'], -record.cost[column])).slot


def pairs(limits: Sequence[float] | None = None) -> list[Pair]:
    """By depth, then by rising cost: of at most equal MACs, or of at most these milliseconds."""
    found = []
    for i, (width, depth) in enumerate(SCALED):
        arch = scaled(width, depth)
        column = 'macs' if limits is None else 'ms'
        most = whole_cost(arch)['macs'] if limits is None else limits[i]
        within = [record for record in distinct() if record.cost[column] <= most]
        found.append(Pair(width, depth, arch, best_of(within, column)))
    return found


def drawn(pair: Pair, seed: int) -> int:
    """The slot of a random network that costs about as much as the scaled one."""
    most = whole_cost(pair.scaled)['macs']
    near = [r.slot for r in distinct() if NEAR * most <= r.cost['macs'] <= most]
    return random.Random(f'{pair.name}/{seed}').choice(near)


def milliseconds(work: Path) -> list[float]:
    """Of the backbones of the scaled networks, in those of the table's column.

    They are timed whole in turn with networks of the table, spread by that column, and multiplied
    by the median ratio of the column to the times of these.
    """
    file = work / 'searched_against_scaled_ms.json'
    if file.is_file():
        return [float(value) for value in json.loads(file.read_text())]
    stopwatch = RuntimeStopwatch('onnxruntime', clock='processor')
    ranked = sorted(distinct(), key=lambda record: record.cost['ms'])
    anchors = [ranked[round(i * (len(ranked) - 1) / (ANCHORS - 1))] for i in range(ANCHORS)]
    archs = {f'scaled_w{w}_d{d}': scaled(w, d) for w, d in SCALED}
    archs |= {f'slot {record.slot}': arch_of(record.slot) for record in anchors}
    nets = [candidate(of_arch(name, arch), SIZE, stopwatch) for name, arch in archs.items()]
    times = measure(nets, Cache(work / 'searched_against_scaled_ms'), ROUNDS, 0, say)
    medians = [spread.median for spread in times.spreads()]
    ratios = [
        record.cost['ms'] / ms for record, ms in zip(anchors, medians[len(SCALED) :], strict=True)
    ]
    say(f'column over time: {statistics.median(ratios):.1f}, {min(ratios):.1f}, {max(ratios):.1f}')
    found = [ms * statistics.median(ratios) for ms in medians[: len(SCALED)]]
    write_whole(file, json.dumps(found))
    return found


def jobs(args: argparse.Namespace, limits: Sequence[float]) -> list[tuple[str, int, HRArch]]:
    """Name, seed and network of all trainings; those of a comparison before those of the next."""
    compared, fast = pairs(), pairs(limits)
    found = []
    for seed in range(args.seeds):
        for pair in compared:
            archs = (pair.scaled, arch_of(pair.slot))
            found += [(name, seed, arch) for name, arch in zip(pair.names, archs, strict=True)]
    slots = [(drawn(pair, seed), seed) for seed in range(args.random) for pair in compared]
    slots += [(pair.slot, seed) for seed in range(args.seeds) for pair in fast]
    found += [(f'searched_{slot}', seed, arch_of(slot)) for slot, seed in slots]
    return list({job[:2]: job for job in found}.values())


def train(args: argparse.Namespace, limits: Sequence[float]) -> Path:
    """Each network with each seed; the scores as a CSV."""
    file: Path = args.work / 'searched_against_scaled.csv'

    def is_done(name: str, seed: int) -> bool:
        return (name, str(seed)) in {(row['net'], row['seed']) for row in read_rows(file)}

    every = jobs(args, limits)
    left = [job for job in every if not is_done(*job[:2])]
    say(f'{len(every) - len(left)} of {len(every)} there')
    if not left:
        return file
    training, validation = (Images.read(root(), name) for name in ('training', 'validation'))
    for name, seed, arch in todo(left, 'trainings'):
        with claimed(args.work / f'claims/{name}_{seed}') as mine:
            if not mine or is_done(name, seed):
                continue
            cfg = Config.fromfile(ALONE)
            cfg.model.backbone.arch = arch.to_dict()
            cfg.model.decode_head.in_channels = [arch.out_channels[0]]
            model = Training(cfg, seed).run(training)
            images = validation.prepared(model)
            score = mean_iou(model, images.pixels, images.labels)
            appended(file, {'net': name, 'seed': seed, 'mIoU': score})
    return file


Scores = dict[tuple[str, int], float]


def apart(
    scores: Scores,
    compared: Sequence[Pair],
    seeds: Sequence[int],
    names: Callable[[Pair, int], tuple[str, str]] = lambda pair, seed: pair.names,
) -> dict[str, Any]:
    """The second of `names` minus the first, pair by pair; the mean with its intervals.

    Student's is over seeds, of which each has one mean of the pairs; that of the bootstrap is over
    pairs and seeds.
    """
    both = np.array(
        [[[scores[name, s] for name in names(pair, s)] for s in seeds] for pair in compared]
    )
    minus = both[:, :, 1] - both[:, :, 0]
    mean, low, high = interval(minus.mean(axis=0).tolist())
    rng = np.random.default_rng(0)
    w = [multiplicities(rng, num) / num for num in minus.shape]
    over_both = percentiles(np.einsum('dp,ps,ds->d', w[0], minus, w[1]))
    return {
        'seeds': list(seeds),
        'first': both[:, :, 0].tolist(),
        'second': both[:, :, 1].tolist(),
        'mean': mean,
        'interval': [low, high],
        'over pairs and seeds': list(over_both),
    }


def complete(
    scores: Scores,
    seeds: int,
    compared: Sequence[Pair],
    names: Callable[[Pair, int], tuple[str, str]] = lambda pair, seed: pair.names,
) -> list[int]:
    """The seeds that all networks have."""
    return [
        seed
        for seed in range(seeds)
        if all((name, seed) in scores for pair in compared for name in names(pair, seed))
    ]


def cell(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    return f'{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}'


def sentence(title: str, found: dict[str, Any]) -> str:
    """The mean of all pairs."""
    low, high = found['interval']
    least, most = found['over pairs and seeds']
    return (
        f'{title}: {found["mean"]:+.2f} mIoU, 95 % interval [{low:+.2f}, {high:+.2f}] over '
        f'{len(found["seeds"])} seeds (Student), [{least:+.2f}, {most:+.2f}] over pairs and seeds '
        '(bootstrap).'
    )


def rows_of(
    compared: Sequence[Pair], found: dict[str, Any], costs: Sequence[tuple[str, str]], unit: str
) -> list[str]:
    """The table of a comparison as lines of Markdown."""
    lines = [
        f'| HRNet, width and depth | {unit} | mIoU | searched, {unit} | mIoU '
        '| difference, 95 % interval |',
        '|---' * 6 + '|',
    ]
    for pair, cost, a, b in zip(compared, costs, found['first'], found['second'], strict=True):
        minus = [y - x for x, y in zip(a, b, strict=True)]
        lines.append(
            f'| {pair.width}, {pair.depth} | {cost[0]} | {cell(a)} | {cost[1]} | {cell(b)} | '
            '{:+.1f} [{:+.1f}, {:+.1f}] |'.format(*interval(minus))
        )
    return lines


def report(file: Path, args: argparse.Namespace, limits: Sequence[float]) -> dict[str, Any]:
    """All comparisons that have two seeds or more; `table` is Markdown."""
    scores = {(row['net'], int(row['seed'])): float(row['mIoU']) for row in read_rows(file)}
    found: dict[str, Any] = {'milliseconds': list(limits), 'table': []}
    for column, compared in (('macs', pairs()), ('ms', pairs(limits))):
        seeds = complete(scores, args.seeds, compared)
        if len(seeds) < 2:
            continue
        one = apart(scores, compared, seeds)
        costs = [
            (whole_cost(pair.scaled)['macs'], the_table().records[pair.slot].cost['macs'])
            if column == 'macs'
            else (limit, the_table().records[pair.slot].cost['ms'])
            for pair, limit in zip(compared, limits, strict=True)
        ]
        texts = [
            tuple(f'{v / 1e6:.2f} M' if column == 'macs' else f'{v:.2f} ms' for v in both)
            for both in costs
        ]
        slots = [pair.slot for pair in compared]
        found[column] = {'nets': SCALED, 'slots': slots, 'costs': costs, **one}
        unit = 'MACs' if column == 'macs' else 'latency'
        title = f'Searched minus scaled, equal {unit}, {len(compared)} pairs'
        found['table'] += [*rows_of(compared, one, texts, unit), sentence(title, one)]
    compared = pairs()
    for title, first in (('searched', False), ('scaled', True)):

        def names(pair: Pair, seed: int, first: bool = first) -> tuple[str, str]:
            return f'searched_{drawn(pair, seed)}', pair.names[0 if first else 1]

        seeds = complete(scores, min(args.random, args.seeds), compared, names)
        if len(seeds) > 1:
            one = apart(scores, compared, seeds, names)
            slots = [[drawn(pair, seed) for seed in seeds] for pair in compared]
            found[f'{title} minus random'] = {'slots': slots, **one}
            found['table'].append(sentence(f'{title.capitalize()} minus random, equal MACs', one))
    return found


def main() -> None:
    """Train what is left, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, default=4)
    parser.add_argument('--random', type=int, default=4, help='seeds of the control')
    parser.add_argument('--work', type=Path, default=Path('work_dirs/hr_scenes'))
    parser.add_argument(
        '--out',
        type=Path,
        default=Path(__file__).parent / 'results/searched_against_scaled.json',
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    quiet()
    data(args)
    limits = milliseconds(args.work)
    found = report(train(args, limits), args, limits)
    print('\n'.join(found['table']))
    write_whole(args.out, json.dumps(found, indent=1) + '\n')


if __name__ == '__main__':
    main()
