"""A supernet's training that is killed again and again, also while a checkpoint is written.

The same command, `tools/train.py CONFIG --resume auto`, goes on each time. The weights at the end
must be those of a training that nobody disturbed, bit by bit: the pipeline draws nothing (random
augmentation begins anew after a restart, in mmengine as here), the order of the images, the
sub-nets of each step, optimizer and schedule go on where they were.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from projects.demo_data.demo import make_scenes
from projects.demo_data.scenes import SceneRecipe
from tests.processes import ROOT
from tests.tools.conftest import CLASSES, CONFIG

from .victim import Victim, import_beforehand

ITERATIONS, INTERVAL = 60, 4
CHANGES = f"""
train_cfg = dict(type='IterBasedTrainLoop', max_iters={ITERATIONS}, val_interval=1000)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end={ITERATIONS}, by_epoch=False)]
default_hooks = dict(checkpoint=dict(interval={INTERVAL}, max_keep_ckpts=2))
"""


@dataclass
class Counts:
    """What was seen."""

    kills: int = 0
    trainings: int = 0
    half: int = 0
    """Kills that left a checkpoint half written."""
    half_taken: int = 0
    """Times that the name of the last checkpoint was that of a half one."""
    lost: int = 0
    """Times that the last whole checkpoint was older than before."""
    different: int = 0
    """Trainings whose weights at the end were not those of the undisturbed one."""
    where: list[int] = field(default_factory=list)

    def row(self, seconds: float) -> str:
        """Of the table in docs/reliability.md."""
        return (
            f'| training | {self.kills} kills in {self.trainings} trainings, {self.half} of them '
            f'while a checkpoint was written | half checkpoints taken: {self.half_taken}, progress '
            f'lost: {self.lost}, final weights not equal bit by bit: {self.different} | '
            f'{seconds:.0f} s |'
        )

    @property
    def faults(self) -> int:
        return self.half_taken + self.lost + self.different


def make_world(folder: Path) -> Path:
    """Images and the config of a training of `ITERATIONS` iterations; the config."""
    make_scenes(folder / 'scenes', (8, 2, 2), recipe=SceneRecipe(size=(64, 64), radius=(3.0, 24.0)))
    data = (folder / 'scenes').as_posix()
    text = CONFIG.format(repo=ROOT.as_posix(), data=data, classes=CLASSES, name='killed')
    config = folder / 'config.py'
    config.write_text(_with_changes(text))
    return config


def _with_changes(text: str) -> str:
    """Assignments of a config replaced: a name stands once in it."""
    changed = tuple(f'{line.split(" = ")[0]} = ' for line in CHANGES.strip().splitlines())
    lines = [line for line in text.splitlines() if not line.startswith(changed)]
    return '\n'.join(lines) + CHANGES


def train(config: Path, work: Path) -> Victim:
    """The command that a user gives, each time the same."""
    work.mkdir(exist_ok=True)
    work.with_suffix('.log').unlink(missing_ok=True)
    arguments = [config, '--work-dir', work, '--resume', 'auto']
    return Victim('train', arguments, config.parent, work.with_suffix('.log'))


def final(work: Path) -> dict[str, Any]:
    """Weights and optimizer at the end."""
    content = torch.load(work / f'iter_{ITERATIONS}.pth', weights_only=False)  # of this run
    moments = content['optimizer']['state']
    flat = {f'optimizer.{i}.{k}': v for i, s in moments.items() for k, v in s.items()}
    return {**content['state_dict'], **flat}


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Bit by bit, of tensors; None where there is no momentum yet."""
    return one.keys() == other.keys() and all(
        torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key]
        for key, value in one.items()
    )


def whole(path: Path) -> bool:
    """True for a checkpoint that can be read to its end."""
    try:
        torch.load(path, weights_only=False)  # of this run
    except Exception:
        return False
    return True


def last(work: Path) -> int:
    """Iteration of the checkpoint that a restart takes; 0 without one, -1 for a half one."""
    name = work / 'last_checkpoint'
    text = name.read_text() if name.exists() else ''
    if not text:
        return 0
    return int(Path(text).stem.split('_')[1]) if whole(Path(text)) else -1


def moment(rng: random.Random, work: Path) -> Callable[[float], bool]:
    """A kill at any time of the training, or, of every two, one while a checkpoint is written."""
    log, known = work.with_suffix('.log'), set(work.glob('*.pth'))
    writing, wanted = rng.random() < 0.5, rng.randint(1, 3)
    delay = rng.uniform(0.0, 0.15) if writing else rng.expovariate(1.0)
    seen: list[float] = []

    def due(seconds: float) -> bool:
        if not seen:
            if writing:
                ready = len(set(work.glob('*.pth')) - known) >= wanted
            else:
                ready = log.exists() and b'Checkpoints will be saved' in log.read_bytes()
            if ready:
                seen.append(seconds)
        return bool(seen) and seconds > seen[0] + delay

    return due


def run(kills: int, seed: int, folder: Path, counts: Counts) -> Counts:
    """Trainings until so many kills have hit."""
    rng = random.Random(seed)
    config = make_world(folder)
    train(config, folder / 'undisturbed').finish()
    expected = final(folder / 'undisturbed')
    while counts.kills < kills:
        work = folder / f'work{counts.trainings}'
        for _ in range(rng.randint(5, 9)):
            before = max(last(work), 0) if work.exists() else 0
            if not train(config, work).killed_when(moment(rng, work)):
                break
            counts.kills += 1
            now = last(work)
            counts.where.append(now)
            counts.half += any(not whole(path) for path in work.glob('*.pth'))
            counts.half_taken += now < 0
            counts.lost += 0 <= now < before
            print(f'kill {counts.kills}: iteration {now}', flush=True)
            if counts.kills == kills:
                break
        train(config, work).finish()
        counts.trainings += 1
        counts.different += not equal(final(work), expected)
    return counts


def main(argv: list[str]) -> int:
    """Prints the row; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=30)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    import_beforehand()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(args.kills, args.seed, Path(folder), Counts())
    print(counts.row(time.monotonic() - start))
    return int(counts.faults > 0)
