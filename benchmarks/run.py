#!/usr/bin/env python3
"""All benchmarks, one command: ratios measured in one run, as JSON and as a table.

    python benchmarks/run.py [--only NAME ...] [--quick] [--out benchmarks/results]

No number here is a test: timings vary, so what is reported is medians with quartiles.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import candidate
import torch
import training
from nets import forward, hrnet_extra, pair, saved_bytes, segmentor, step_bytes
from paired import ratio, spread

from scalenas.arch import ClassificationHead, SegHead, named
from scalenas.complexity import Counter
from scalenas.deploy import deployed
from scalenas.deploy.timer import training_step
from scalenas.models import ScaleHRNet
from scalenas.search import Objectives, TopologyEvolution
from scalenas.space import AbstractSpace, HRSpace, bignas_space, scalenet_space

DEMO = HRSpace(8, (1, 2, 1), (1, 2, 3), stem=16, stage1_blocks=1, stage1_channels=8)
Result = dict[str, Any]


def per_second(num: int, repeats: int, action: Callable[[], object]) -> Result:
    """How often in a second of processor time, of an action that does it `num` times."""
    rates = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        rates.append(num / (time.process_time() - start))
    return spread(rates)


def costing(quick: bool) -> list[Result]:
    """Random archs of the W32 space and their cost at 1024x2048, per second (goal 50,000)."""
    space, head, size = HRSpace(32), SegHead(19), (1024, 2048)
    num, repeats = (1000, 3) if quick else (10_000, 5)
    archs = list(drawn(space, num))
    search = TopologyEvolution(space, Objectives.from_dict(('mIoU', 'macs')), Counter(size, head))

    def offspring() -> list[object]:
        rng, parents = random.Random(1), archs[:100]
        return [
            search.cost(search.vary(arch, parents, rng))
            for _ in range(num // 1000)
            for arch in parents
        ]

    return [
        {'what': f'{count:,} {what}, per second', **per_second(count, repeats, action)}
        for what, count, action in (
            ('random archs costed', num, lambda: all_costs(Counter(size, head), archs)),
            (
                'random archs drawn and costed',
                num,
                lambda: all_costs(Counter(size, head), drawn(space, num)),
            ),
            ('offspring of 100 parents made and costed', num // 10, offspring),
        )
    ]


def drawn(space: AbstractSpace[Any], num: int) -> Iterator[Any]:
    """Random archs."""
    rng = random.Random(0)
    return (space.sample(rng) for _ in range(num))


def all_costs(counter: Counter, archs: Iterable[Any]) -> list[Any]:
    """By a counter that counts every unit anew."""
    return [counter(arch) for arch in archs]


def costing_mbconv(quick: bool) -> list[Result]:
    """Cost of random MBConv archs, each at its own size, per second on one core (goal 50,000)."""
    num, repeats = (5000, 3) if quick else (30_000, 5)
    found = []
    for name, space in (('ScaleNet', scalenet_space()), ('BigNAS', bignas_space())):
        head, archs = ClassificationHead(), list(drawn(space, num))
        rates = per_second(num, repeats, lambda h=head, a=archs: all_costs(Counter(head=h), a))  # type: ignore[misc]
        found.append(
            {'what': f'{num:,} random archs of the {name} space costed, per second', **rates}
        )
    return found


def subnets(quick: bool) -> list[Result]:
    """Active sub-net in the supernet over the same net static (goals 1.05 and 1.10)."""
    cases = [('demo space, 96x96, batch 8', DEMO, None, (8, 3, 96, 96))]
    if not quick:
        cases.append(
            ('S1 in W32, 256x512, batch 1', HRSpace(32), named('scalenas_s1'), (1, 3, 256, 512))
        )
    found = []
    for title, space, arch, shape in cases:
        arch = arch or space.sample(random.Random(1))
        supernet, static = pair(space, arch)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        for kind, action, pairs in (('forward', forward, 40), ('training step', training_step, 20)):
            ours, theirs = action(supernet, x), action(static, x)
            with supernet.active(arch):
                row = ratio(ours, theirs, 5 if quick else pairs)
            found.append({'what': f'supernet / static, {kind}, {title}', **row})
    return found


def stock(quick: bool) -> list[Result]:
    """S1 static against mmseg's HRNet-W32 at equal input: time, and time per multiply-add."""
    from mmseg.models.backbones import HRNet

    size = (128, 256) if quick else (256, 512)
    arch = named('scalenas_s1').with_(upsample='bilinear')
    ours, theirs = ScaleHRNet(arch), HRNet(hrnet_extra())
    x = torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(0))
    counter = Counter(size)
    per_mac = counter(named('hrnet_w32'))['macs'] / counter(arch)['macs']
    rows = []
    for kind, action, pairs in (('forward', forward, 30), ('training step', training_step, 15)):
        row = ratio(action(ours, x), action(theirs, x), 5 if quick else pairs)
        where = f'{kind}, {size[0]}x{size[1]}'
        rows.append({'what': f'S1 / HRNet-W32, {where}', **row})
        scaled = {k: v * per_mac for k, v in row.items() if k != 'n'}
        rows.append({'what': f'S1 / HRNet-W32 per multiply-add, {where}', **scaled, 'n': row['n']})
    return rows


def deployed_form(quick: bool) -> list[Result]:
    """Deployed over plain, torch eager, backbone and head (goal for S1: 0.50)."""
    size = (128, 256) if quick else (256, 512)
    x = torch.randn((1, 3, *size), generator=torch.Generator().manual_seed(0))
    nets = {
        'S1': {'type': 'scalenas.ScaleHRNet', 'arch': 'scalenas_s1'},
        "mmseg's HRNet-W32": {'type': 'HRNet', 'extra': hrnet_extra()},
    }
    rows = []
    for name, backbone in nets.items():
        plain = segmentor(backbone).eval()
        ready = deployed(plain)
        row = ratio(forward(ready, x), forward(plain, x), 5 if quick else 30)
        rows.append({'what': f'deployed / plain, {name} and head, {size[0]}x{size[1]}', **row})
        fixed = torch.jit.freeze(torch.jit.trace(ready, x, check_trace=False))
        row = ratio(forward(fixed, x), forward(plain, x), 5 if quick else 30)
        rows.append({'what': f'the same, frozen by torch.jit, {name}', **row})
    return rows


def memory(quick: bool) -> list[Result]:
    """Memory of a training step: supernet (sub-net active) over static, without timing noise."""
    space, arch, shape = DEMO, DEMO.sample(random.Random(1)), (8, 3, 96, 96)
    if not quick:
        space, arch, shape = HRSpace(32), named('scalenas_s1'), (1, 3, 256, 512)
    supernet, static = pair(space, arch)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with supernet.active(arch):
        kept = saved_bytes(supernet, x) / saved_bytes(static, x)
        whole = step_bytes(supernet, x) / step_bytes(static, x)
    return [
        {'what': 'memory of a training step, supernet / static', 'median': whole},
        {'what': 'of that, activations kept for backward', 'median': kept},
    ]


def training_steps(quick: bool) -> list[Result]:
    """A step of S1 in the W32 supernet with options that make it faster, over without (0.85)."""
    return training.rows(quick)


def candidates(quick: bool) -> list[Result]:
    """A candidate over its forwards (goal 1.02), and with over without the cache (goal 0.80)."""
    pairs = 3 if quick else 20
    whole = candidate.overhead(pairs)
    found = [{'what': "candidate / its forwards, the demo's search", **whole}]
    for name, w32 in (("the demo's search", False), ('W32, 128x256', True)):
        what = f'candidate with cache_prefix / without, {name}'
        found.append({'what': what, **candidate.cached(3 if quick else 10, w32)})
    return found


BENCHMARKS: dict[str, Callable[[bool], list[Result]]] = {
    'costing': costing,
    'costing_mbconv': costing_mbconv,
    'subnets': subnets,
    'stock': stock,
    'deployed': deployed_form,
    'memory': memory,
    'training': training_steps,
    'candidates': candidates,
}


def table(results: dict[str, list[Result]]) -> str:
    """A Markdown table of all rows."""
    lines = ['| what | median | quartiles | pairs |', '|---|---|---|---|']
    for rows in results.values():
        for row in rows:
            digits = ',.0f' if row['median'] > 100 else '.3f'
            quartiles = (
                f'{row["q25"]:{digits}} - {row["q75"]:{digits}}' if 'q25' in row else 'exact'
            )
            lines.append(
                f'| {row["what"]} | {row["median"]:{digits}} | {quartiles} | {row.get("n", "")} |'
            )
    return '\n'.join(lines)


def main() -> None:
    """Runs the chosen benchmarks, prints the table, writes results.json and results.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--only', nargs='+', choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument('--quick', action='store_true', help='small sizes and few pairs')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    results = {}
    for name in args.only:
        print(f'{name}: {BENCHMARKS[name].__doc__}', flush=True)
        results[name] = BENCHMARKS[name](args.quick)
    text = table(results)
    print(text)
    args.out.mkdir(parents=True, exist_ok=True)
    setting = {
        'torch': torch.__version__,
        'python': platform.python_version(),
        'machine': platform.machine(),
        'threads': args.threads,
        'quick': args.quick,
    }
    document = {'setting': setting, 'results': results}
    (args.out / 'results.json').write_text(json.dumps(document, indent=1) + '\n')
    (args.out / 'results.md').write_text(text + '\n')


if __name__ == '__main__':
    main()
