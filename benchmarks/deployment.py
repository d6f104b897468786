#!/usr/bin/env python3
"""What each path of docs/deployment.md gains and costs: time and metric of one exported model.

    python benchmarks/deployment.py exported/mine.py --calibration CONFIG [--size H W]

Raw outputs of one image, timed in interleaved rounds and compared with plain torch in the same
round; the metrics are those of the config's test dataloader, with the runtime in place of backbone
and head. int8 is quantized on the calibration images of CONFIG, that of the supernet. Test and
calibration images must have the size.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from pathlib import Path
from typing import Any

import torch
from paired import seconds, spread
from torch import Tensor, nn

from scalenas.cli import main_of
from scalenas.config import read_config
from scalenas.deploy import RUNTIMES, Session, deployed
from scalenas.deploy.stand_in import standing_in
from scalenas.deploy.task_graph import GraphForm, TaskNet
from scalenas.evaluation.batches import FixedBatches, build_loader
from scalenas.evaluation.evaluator import build_metrics
from scalenas.evaluation.precision import full_precision, unrounded
from scalenas.export import load_exported
from scalenas.staging import write_whole
from scalenas.tasks import fit_truth

PLAIN = 'torch fp32, plain'


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('export', help='NAME.py, with NAME.pth beside it')
    parser.add_argument('--calibration', required=True, metavar='CONFIG', help='of the supernet')
    parser.add_argument('--size', nargs=2, type=int, metavar=('H', 'W'), help='default: its own')
    parser.add_argument('--rounds', type=int, default=30)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--images', type=int, default=32, help='for calibration, at most')
    parser.add_argument('--runtimes', nargs='+', default=list(RUNTIMES), metavar='NAME')
    parser.add_argument('--out', default='benchmarks/results/deployment.json')
    return parser.parse_args()


def sessions(
    model: nn.Module, image: Tensor, calibration: list[Tensor], threads: int, names: list[str]
) -> dict[str, Session]:
    """Every runtime and precision that is there, of the deployed form; and plain torch."""
    form = GraphForm()
    plain, fast = TaskNet(model, form).eval(), TaskNet(deployed(model, image), form).eval()
    found = {PLAIN: RUNTIMES['torch'].load(plain, image, threads=threads)}
    for name in names:
        adapter = RUNTIMES[name]
        if adapter.missing() or 'cpu' not in adapter.devices:
            print(f'{name}: not here')
            continue
        for precision in adapter.precisions:
            if lacking := adapter.lacking(precision):
                print(f'{name} {precision}: needs {lacking}')
                continue
            found[f'{name} {precision}'] = adapter.load(
                fast, image, precision, 'cpu', threads, calibration
            )
    return found


def timed(found: dict[str, Session], image: Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds of each session in each round, in an order of the round's own."""
    given, rng = image.numpy(), random.Random(0)
    rows: dict[str, list[float]] = {name: [] for name in found}
    for n in range(rounds + 2):
        for name in rng.sample(list(found), len(found)):
            found[name](given)  # what ran before has left the caches in its own state
            took = seconds(lambda name=name: found[name](given))
            if n >= 2:
                rows[name].append(took)
    return rows


def score(model: Any, session: Session, batches: FixedBatches, metrics: Any) -> dict[str, float]:
    """The task's metrics with a runtime in place of the model's layers."""

    def call(image: Tensor) -> list[Tensor]:
        return [torch.from_numpy(part) for part in session(image.numpy())]

    example = next(iter(batches))['inputs']
    with torch.no_grad(), standing_in(model, call, example):
        for batch in batches:
            metrics.process(data_samples=model(**batch, mode='predict'), data_batch=batch)
    return full_precision(metrics.evaluate(batches.num_images))


def main() -> None:
    """Times, scores, and writes both."""
    args = parse_args()
    config = Path(args.export)
    cfg, supernet = read_config(str(config)), read_config(args.calibration)
    model = load_exported(config, config.with_suffix('.pth'))
    test, calibration = (
        FixedBatches(build_loader(of, f'{name}_dataloader'), model.data_preprocessor)
        for of, name in ((cfg, 'test'), (supernet, 'calibration'))
    )
    metrics = unrounded(build_metrics(cfg, 'test_evaluator'))
    metrics.dataset_meta = test.loader.dataset.metainfo
    fit_truth(metrics.metrics, test.loader, 'test_evaluator')
    size = args.size or json.loads(config.with_suffix('.json').read_text())['size']
    singles = (image[None] for batch in calibration for image in batch['inputs'])
    images = list(itertools.islice(singles, args.images))
    image = torch.randn(1, images[0].shape[1], *size, generator=torch.Generator().manual_seed(0))
    found = sessions(model, image, images, args.threads, args.runtimes)
    rows = timed(found, image, args.rounds)
    results = []
    for name, session in found.items():
        ratios = [own / plain for own, plain in zip(rows[name], rows[PLAIN], strict=True)]
        values = score(model, session, test, metrics)
        results.append({'path': name, 'runtime': session.runtime, 'ratio': spread(ratios)})
        results[-1] |= {'ms': spread([1e3 * row for row in rows[name]]), 'metrics': values}
    names = list(results[0]['metrics'])
    print(f'| path | time / {PLAIN} | ms | {" | ".join(names)} |')
    print('|---' * (3 + len(names)) + '|')
    for row in results:
        shown = ' | '.join(f'{row["metrics"][name]:.2f}' for name in names)
        ratio, ms = row['ratio']['median'], row['ms']['median']
        print(f'| {row["path"]} | {ratio:.2f} | {ms:.1f} | {shown} |')
    about = {'export': config.name, 'size': list(size), 'threads': args.threads}
    write_whole(args.out, json.dumps({**about, 'results': results}, indent=1) + '\n')


if __name__ == '__main__':
    main_of(main)
