#!/usr/bin/env python3
"""Makes the table benchmark `scalenas.benchmarks.hr_scenes`; a second start goes on.

    python benchmarks/hr_scenes.py [--only data supernet table alone latency report] [--num 4096]
                                   [--num-alone 24] [--seeds 2] [--work work_dirs/hr_scenes]

Pieces: the data; the teacher and the supernet; every network of the space (or --num of them, both
ends first, then in a random order) evaluated in the supernet as a search does, those that differ
in blocks which reach no output only once; networks spread by cost trained alone, seed after seed;
milliseconds of all units (one quiet core, a minute); the report, which writes the files of the
package and prints how far orders agree. Pieces of different kinds may run at once, in processes of
their own.
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import itertools
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Of the repository, which is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from mmengine.config import Config
from scenes_ranks import findings, functions
from scenes_training import Images, QuickEvaluator, Training, mean_iou, quiet, trivial_score

from projects.demo_data.demo import make_scenes
from projects.demo_data.scenes import CLASSES, SMALL, SMALL_COUNTS
from scalenas import __version__
from scalenas.arch import HRArch, Layer
from scalenas.benchmarks import TableBenchmark, hr_scenes
from scalenas.complexity import Cost, Counter, Measured, count
from scalenas.deploy import RuntimeStopwatch, measured_table
from scalenas.latency import Cache, LatencyTable
from scalenas.paths import file_digest
from scalenas.space import HRSpace, from_dict
from scalenas.staging import staged_file

CONFIGS = Path(__file__).resolve().parents[1] / 'configs/scalenas_seg/scenes'
TEACHER = CONFIGS / 'teacher_w8_1xb16-600_scenes-64x64.py'
SUPERNET = CONFIGS / 'supernet_w8_1xb16-1200_scenes-64x64.py'
SEARCH = CONFIGS / 'search_w8_scenes-64x64.py'
ALONE = CONFIGS / 'alone_w8_1xb16-600_scenes-64x64.py'
PIECES = ('data', 'supernet', 'table', 'alone', 'latency', 'report')
SIZE = (64, 64)
LATENCY = 'latency.json'
ROUNDS, WHOLE = 20, 60


def say(text: str) -> None:
    print(f'{time.strftime("%H:%M:%S")} {text}', flush=True)


def space() -> HRSpace:
    """The space of the configs."""
    cfg = Config.fromfile(TEACHER)
    found = from_dict(cfg.model.architecture.backbone.space.to_dict())
    assert isinstance(found, HRSpace)
    return found


def head() -> Cost:
    """Of the head on the finest map, which every network has."""
    channels, finest = 32, (SIZE[0] // 4, SIZE[1] // 4)
    return count(
        [
            Layer('decode_head.convs.0.conv', 8, channels, 1, finest, bias=False),
            Layer('decode_head.conv_seg', channels, len(CLASSES), 1, finest, bias=True, norm=False),
        ]
    )


def counter() -> Counter:
    """Costs of whole models."""
    return Counter(SIZE, rest=head())


def networks(of: HRSpace) -> list[HRArch]:
    """All of a space in the order of their genes, the last gene turning fastest."""
    free = {name: gene.values for name, gene in of.genes.items()}
    every = itertools.product(*free.values())
    found = dict.fromkeys(of.decode(dict(zip(free, values, strict=True))) for values in every)
    assert len(found) == of.size()
    return list(found)


def order(slots: Sequence[int]) -> list[int]:
    """In the order of their evaluation: both ends, then at random."""
    ends, rest = [slots[0], slots[-1]], list(slots[1:-1])
    random.Random('hr_scenes').shuffle(rest)
    return [*ends, *rest]


def spread(costs: Sequence[int], num: int) -> list[int]:
    """Slots at equal distances in the order of cost, both ends included."""
    ranked = sorted(range(len(costs)), key=lambda slot: (costs[slot], slot))
    return [ranked[round(i * (len(ranked) - 1) / (num - 1))] for i in range(num)]


def root() -> Path:
    return Path(Config.fromfile(TEACHER).data_root)


def data(args: argparse.Namespace) -> None:
    """The images."""
    made = make_scenes(root(), SMALL_COUNTS, recipe=SMALL)
    say(f'data: {"made" if made else "there"}, {root()}')


def trained(config: Path, work: Path, seed: int = 0, **changes: Any) -> Path:
    """The checkpoint of a supernet config, trained once."""
    path = work / f'{config.stem}_{seed}.pth'
    if path.is_file():
        return path
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(changes)
    start = time.monotonic()
    images = Images.read(root(), 'training')
    state = work / f'{config.stem}_{seed}.state'
    model = Training(cfg, seed, state).run(images, lambda text: say(f'{config.stem}: {text}'))
    meta = {
        'space': model.backbone.space.to_dict(),
        'supernet': model.backbone.sharing(),
        'version': __version__,
    }
    with staged_file(path) as part:
        torch.save({'state_dict': model.state_dict(), 'meta': {'scalenas': meta}}, part)
    state.unlink(missing_ok=True)
    say(f'{config.stem}: {time.monotonic() - start:.0f} s')
    return path


def supernet(args: argparse.Namespace) -> Path:
    """Teacher, then the supernet that starts from it and is distilled from it."""
    teacher = trained(TEACHER, args.work)
    return trained(SUPERNET, args.work, **{'model.init_from.checkpoint': str(teacher)})


def read_rows(path: Path) -> list[dict[str, str]]:
    """The whole lines of a CSV; of a run that was killed the last one may be a part."""
    if not path.is_file():
        return []
    text = path.read_text()
    whole = text[: text.rfind('\n') + 1]
    return list(csv.DictReader(whole.splitlines()))


def appended(path: Path, row: dict[str, object]) -> None:
    """One line more, on the disk at once; what a killed process left of a line goes."""
    if path.is_file() and not (content := path.read_bytes()).endswith(b'\n'):
        os.truncate(path, content.rfind(b'\n') + 1)
    with path.open('a', newline='') as file:
        writer = csv.DictWriter(file, row, lineterminator='\n')
        if not file.tell():
            writer.writeheader()
        writer.writerow(row)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """True for one process at a time; a killed one holds nothing."""
    path.parent.mkdir(exist_ok=True)
    with path.open('a') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def todo(rows: list[Any], title: str) -> Iterator[Any]:
    """One after the other, with the time left."""
    start, said = time.monotonic(), float('-inf')
    for i, row in enumerate(rows):
        now = time.monotonic()
        if i and now - said > 30:
            said = now
            left = (now - start) / i * (len(rows) - i)
            say(
                f'{title}: {len(rows) - i} to do, {(now - start) / i:.2f} s each, {left:.0f} s left'
            )
        yield row


def table(args: argparse.Namespace) -> None:
    """The scores of sub-nets on the search split; of those that are one function, once."""
    checkpoint = supernet(args)
    archs, of = networks(space()), space()
    same = functions(of, archs)
    file = args.work / 'table.csv'
    done = {same[int(row['slot'])] for row in read_rows(file)}
    wanted = order(sorted(set(same)))[: args.num]
    left = [slot for slot in wanted if slot not in done]
    say(f'table: {len(wanted) - len(left)} of {len(wanted)} there')
    if not left:
        return
    evaluator = QuickEvaluator.from_config(Config.fromfile(SEARCH), checkpoint)
    traced, counted = evaluator.counter(SIZE), counter()
    for slot in random.Random(0).sample([s for s in range(len(archs)) if same[s] != s], 3):
        evaluator.check(archs[slot])
        assert traced(archs[slot]) == counted(archs[slot]), 'costs are those of a search'
        scores = [evaluator(archs[one])['mIoU'] for one in (slot, same[slot])]
        assert scores[0] == scores[1], f'slot {slot} is the function of {same[slot]}: {scores}'
    for slot in todo(left, 'table'):
        appended(file, {'slot': slot, **evaluator(archs[slot])})


def alone(args: argparse.Namespace) -> None:
    """Networks trained alone; any number of processes may do so at once."""
    archs, costs = networks(space()), counter()
    slots = spread([int(costs(arch)['macs']) for arch in archs], args.num_alone)
    # Both ends first, then every fourth, all seeds of each: what is there is spread out any time.
    last = len(slots) - 1
    ranked = sorted(range(len(slots)), key=lambda i: (i % last > 0, i % 4, i))
    wanted = [(slots[i], seed) for i in ranked for seed in range(args.seeds)]
    file = args.work / 'alone.csv'

    def is_done(job: tuple[int, int]) -> bool:
        return job in {(int(row['slot']), int(row['seed'])) for row in read_rows(file)}

    left = [job for job in wanted if not is_done(job)]
    say(f'alone: {len(wanted) - len(left)} of {len(wanted)} there')
    if not left:
        return
    splits = {split: Images.read(root(), split) for split in ('training', 'search', 'validation')}
    for slot, seed in todo(left, 'alone'):
        with claimed(args.work / f'claims/{slot}_{seed}') as mine:
            if not mine or is_done((slot, seed)):
                continue
            cfg = Config.fromfile(ALONE)
            cfg.model.backbone.arch = archs[slot].to_dict()
            model = Training(cfg, seed).run(splits['training'])
            row: dict[str, object] = {'slot': slot, 'seed': seed}
            for name, split in (('mIoU', 'validation'), ('mIoU_search', 'search')):
                images = splits[split].prepared(model)
                row[name] = mean_iou(model, images.pixels, images.labels)
            appended(file, row)


def latency(args: argparse.Namespace) -> None:
    """Milliseconds of all units as they are deployed, without the head, and of whole networks."""
    stopwatch = RuntimeStopwatch('onnxruntime', clock='processor')
    cache = Cache(args.work / 'latency')
    found = measured_table(space(), SIZE, stopwatch, cache, ROUNDS, WHOLE, say=say)
    found.write(args.work / LATENCY)
    say(f'latency: {found}')


def report(args: argparse.Namespace) -> None:
    """The files of the package, and what they say of ranking."""
    archs, costs, of = networks(space()), counter(), space()
    same = functions(of, archs)
    known = {same[int(r['slot'])]: float(r['mIoU']) for r in read_rows(args.work / 'table.csv')}
    rows = [(slot, known[same[slot]]) for slot in range(len(archs)) if same[slot] in known]
    chosen = [archs[slot] for slot, _ in rows]
    about = {
        'command': 'python benchmarks/hr_scenes.py',
        'images': 'scenes, 64x64, the search split',
        'size': list(SIZE),
        'head': dict(head()),
        'evaluated': len(known),
        'version': __version__,
        'supernet': file_digest(supernet(args)),
        'trivial': trivial_score(Images.read(root(), 'validation').labels, len(CLASSES)),
    }
    scores = {'mIoU': [score for _, score in rows]}
    units = LatencyTable.from_file(args.work / LATENCY)
    about['ms'] = units.about
    every = Measured(costs, {'ms': units}, SIZE)
    made = TableBenchmark.of(of, chosen, scores, [every(arch) for arch in chosen], about)
    args.out.mkdir(parents=True, exist_ok=True)
    made.write(args.out / hr_scenes.SCORES.name)
    position = {slot: i for i, (slot, _) in enumerate(rows)}
    lines = [row for row in read_rows(args.work / 'alone.csv') if int(row['slot']) in position]
    lines = [{**row, 'slot': str(position[int(row['slot'])])} for row in lines]
    lines.sort(key=lambda row: (int(row['slot']), int(row['seed'])))
    with staged_file(args.out / hr_scenes.ALONE.name) as part, part.open('w', newline='') as file:
        writer = csv.DictWriter(file, lines[0], lineterminator='\n')
        writer.writeheader()
        writer.writerows(lines)
    files = (args.out / hr_scenes.SCORES.name, args.out / hr_scenes.ALONE.name)
    print(findings(TableBenchmark.read(*files)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--only', nargs='+', choices=PIECES, default=PIECES)
    parser.add_argument('--num', type=int, default=4096, help='networks evaluated in the supernet')
    parser.add_argument('--num-alone', type=int, default=24)
    parser.add_argument('--seeds', type=int, default=2)
    parser.add_argument('--work', type=Path, default=Path('work_dirs/hr_scenes'))
    parser.add_argument('--out', type=Path, default=hr_scenes.SCORES.parent)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    quiet()
    for piece in args.only:
        globals()[piece](args)


if __name__ == '__main__':
    main()
