#!/usr/bin/env python3
"""Searched networks against uniformly scaled HRNets of equal MACs, both trained alone.

    python benchmarks/searched_against_scaled.py [--seeds 3] [--work work_dirs/hr_scenes]

Uniformly scaled: stock HRNets (all branches equally deep, every fusion at the end of a module) of
four widths at each of two depths. Searched: for each of them the network that scores most in the
supernet, on the search split, of those in the table `scalenas.benchmarks.hr_scenes` with at most
its MACs. All are trained by configs/scalenas_seg/scenes/alone_w8_1xb16-600_scenes-64x64.py, seed by
seed, and scored on the validation split, which no choice has seen. A second start goes on; any
number of processes share the trainings. Prints a table and writes it to --out.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hr_scenes import ALONE, SIZE, appended, claimed, data, read_rows, root, say, todo
from mmengine.config import Config
from scenes_ranks import interval
from scenes_training import Images, Training, mean_iou, quiet

from projects.demo_data.scenes import CLASSES
from scalenas.arch import HRArch, Layer
from scalenas.arch.hrnet import stock_hrnet
from scalenas.benchmarks import hr_scenes
from scalenas.complexity import Cost, Counter, count
from scalenas.staging import write_whole

SCALED = ((6, 2), (7, 2), (8, 2), (9, 2), (8, 1), (9, 1), (10, 1), (11, 1))
"""Width and depth of each uniformly scaled network."""
HEAD_CHANNELS = 32


class Pair(NamedTuple):
    """A uniformly scaled network, the searched one that it is compared with, and their MACs."""

    width: int
    depth: int
    scaled: HRArch
    searched: HRArch
    slot: int
    macs: tuple[int, int]

    @property
    def names(self) -> tuple[str, str]:
        """Of both networks; pairs may share a searched one."""
        return f'scaled_w{self.width}_d{self.depth}', f'searched_{self.slot}'


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


def pairs() -> list[Pair]:
    """By depth, then by rising cost."""
    table = hr_scenes.load()
    like = table.archs[0]
    assert isinstance(like, HRArch)
    modules = [len(stage.modules) for stage in like.stages]
    found = []
    for width, depth in SCALED:
        stock = stock_hrnet(width, modules, depth, like.stage1_blocks)
        scaled = stock.with_(
            stem=like.stem,
            stage1_channels=like.stage1_channels,
            upsample=like.upsample,
            output=like.output,
        )
        most = int(whole_cost(scaled)['macs'])
        within = [record for record in table.records if record.cost['macs'] <= most]
        best = max(within, key=lambda record: (record.metrics['mIoU'], -record.cost['macs']))
        assert isinstance(best.arch, HRArch)
        assert whole_cost(best.arch)['macs'] == best.cost['macs']
        macs = (most, int(best.cost['macs']))
        found.append(Pair(width, depth, scaled, best.arch, best.slot, macs))
    return found


def train(work: Path, seeds: int) -> Path:
    """Each network with each seed; the scores as a CSV."""
    file = work / 'searched_against_scaled.csv'
    archs = {
        name: arch
        for pair in pairs()
        for name, arch in zip(pair.names, (pair.scaled, pair.searched), strict=True)
    }
    jobs = [(name, seed, arch) for seed in range(seeds) for name, arch in archs.items()]

    def is_done(name: str, seed: int) -> bool:
        return (name, str(seed)) in {(row['net'], row['seed']) for row in read_rows(file)}

    left = [job for job in jobs if not is_done(*job[:2])]
    say(f'{len(jobs) - len(left)} of {len(jobs)} there')
    if not left:
        return file
    training, validation = (Images.read(root(), name) for name in ('training', 'validation'))
    for name, seed, arch in todo(left, 'trainings'):
        with claimed(work / f'claims/{name}_{seed}') as mine:
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


def report(file: Path, seeds: int) -> tuple[str, dict[str, Any]]:
    """Markdown, and the same as plain data; of the seeds that all networks have."""
    scores = {(row['net'], int(row['seed'])): float(row['mIoU']) for row in read_rows(file)}
    compared = pairs()
    names = sorted({name for pair in compared for name in pair.names})
    whole = [seed for seed in range(seeds) if all((name, seed) in scores for name in names)]
    if len(whole) < 2:
        return f'{len(scores)} of {len(names) * seeds} trainings: no two seeds are complete', {}
    lines = [
        '| HRNet, width and depth | MACs | mIoU | searched, MACs | mIoU | difference |',
        '|---' * 6 + '|',
    ]
    rows = []
    for pair in compared:
        scaled, searched = ([scores[name, seed] for seed in whole] for name in pair.names)
        apart = [b - a for a, b in zip(scaled, searched, strict=True)]
        cells = [
            f'{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}'
            for values in (scaled, searched, apart)
        ]
        lines.append(
            f'| {pair.width}, {pair.depth} | {pair.macs[0] / 1e6:.2f} M | {cells[0]} | '
            f'{pair.macs[1] / 1e6:.2f} M | {cells[1]} | {cells[2]} |'
        )
        about = {'width': pair.width, 'depth': pair.depth, 'slot': pair.slot, 'macs': pair.macs}
        rows.append({**about, 'scaled': scaled, 'searched': searched})
    # Seeds are what repeats: the differences of one seed are averaged before the interval.
    per_seed = [
        statistics.mean(row['searched'][i] - row['scaled'][i] for row in rows)
        for i in range(len(whole))
    ]
    mean, low, high = interval(per_seed)
    lines.append('')
    lines.append(
        f'Mean difference of the {len(rows)} pairs, {len(whole)} seeds: {mean:+.2f} mIoU, 95 % '
        f'interval [{low:+.2f}, {high:+.2f}] (Student, over seeds).'
    )
    found = {'pairs': rows, 'seeds': whole, 'mean': mean, 'interval': [low, high]}
    return '\n'.join(lines), found


def main() -> None:
    """Train what is left, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, default=3)
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
    text, found = report(train(args.work, args.seeds), args.seeds)
    print(text)
    if found:
        write_whole(args.out, json.dumps(found, indent=1) + '\n')


if __name__ == '__main__':
    main()
