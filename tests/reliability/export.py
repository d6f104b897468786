"""An export that is killed again and again, while it works, while it writes and while it moves.

The same command then gives files equal to those of an export that nobody disturbed, and nothing
else; a config and weights that lie there after a kill are always of one export.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scalenas.arch import dump
from tests.evaluation.world import SPACE, checkpoint, config, supernet, write_pictures

from .victim import MOVE, Victim, import_beforehand


@dataclass
class Counts:
    """What was seen."""

    kills: int = 0
    exports: int = 0
    partly: int = 0
    """Kills that met files on their way to their places."""
    mixed: int = 0
    """Kills after which a config lay beside weights of another export, or half of a file."""
    leftovers: int = 0
    """Exports after which something else was there."""
    different: int = 0
    """Exports whose files were not those of the undisturbed one."""

    def row(self, seconds: float) -> str:
        """Of the table in docs/reliability.md."""
        return (
            f'| export | {self.kills} kills in {self.exports} exports, {self.partly} of them while '
            f'files were moved | configs beside other weights, or half files: {self.mixed}, '
            f'leftovers: {self.leftovers}, files not equal byte by byte: {self.different} | '
            f'{seconds:.0f} s |'
        )

    @property
    def faults(self) -> int:
        return self.mixed + self.leftovers + self.different


def make_world(folder: Path) -> None:
    """A supernet, its images, and two of its nets: mine.yaml and old.yaml."""
    write_pictures(folder, {'train': 8, 'search': 4, 'test': 4})
    checkpoint(folder / 'supernet.pth', supernet())
    config(folder)
    rng = random.Random(0)
    for name in ('mine', 'old'):
        (folder / f'{name}.yaml').write_text(dump(SPACE.sample(rng)))


def export(world: Path, cwd: Path, net: str = 'mine') -> Victim:
    """The command that a user gives, each time the same, into the folder `out` where they are."""
    cwd.mkdir(exist_ok=True)
    given = [world / f'{net}.yaml', world / 'supernet.pth', '--config', world / 'supernet.py']
    options = ['--out', 'out', '--name', 'net', '--standalone', '--force']
    return Victim('export', [*given, *options], cwd, cwd.with_suffix('.log'))


def content(folder: Path) -> dict[str, bytes]:
    """All files by name, hidden ones and those in hidden folders too."""
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def is_mixed(there: dict[str, bytes], *exports: dict[str, bytes]) -> bool:
    """True when a visible file is whole of no export, or a config and weights are of two."""
    seen = {name: data for name, data in there.items() if not name.startswith('.')}
    if any(all(data != known.get(name) for known in exports) for name, data in seen.items()):
        return True
    pair = {name: seen[name] for name in ('net.py', 'net.pth') if name in seen}
    return len(pair) == 2 and not any(pair.items() <= known.items() for known in exports)


def moment(rng: random.Random, out: Path, usual: float) -> Callable[[float], bool]:
    """Half of the kills at any time, half while the files are moved to their places."""
    if rng.random() < 0.5:
        after = rng.uniform(0.0, usual)
        return lambda seconds: seconds > after
    delay = rng.uniform(0.0, 7 * MOVE)
    ready: list[float] = []

    def moving(seconds: float) -> bool:
        # The config of the single file is written last, then all are moved.
        if not ready and list(out.glob('.*/net_standalone.py')):
            ready.append(seconds)
        return bool(ready) and seconds > ready[0] + delay

    return moving


def run(kills: int, seed: int, folder: Path, counts: Counts) -> Counts:
    """Exports into a new folder and over another net, until so many kills have hit."""
    rng = random.Random(seed)
    make_world(folder)
    usual = export(folder, folder / 'undisturbed').finish()
    export(folder, folder / 'before', 'old').finish()
    expected, old = (content(folder / name / 'out') for name in ('undisturbed', 'before'))
    while counts.kills < kills:
        cwd = folder / f'work{counts.exports}'
        if counts.exports % 2:
            shutil.copytree(folder / 'before', cwd)
        for _ in range(rng.randint(3, 5)):
            before = content(cwd / 'out')
            if not export(folder, cwd).killed_when(moment(rng, cwd / 'out', usual)):
                break
            counts.kills += 1
            there = content(cwd / 'out')
            visible = {name: data for name, data in there.items() if not name.startswith('.')}
            kept = {name: data for name, data in before.items() if not name.startswith('.')}
            counts.partly += visible != kept
            counts.mixed += is_mixed(there, expected, old)
            print(f'kill {counts.kills}: {len(visible)} files', flush=True)
            if counts.kills == kills:
                break
        export(folder, cwd).finish()
        counts.exports += 1
        there = content(cwd / 'out')
        hidden = [path for path in (cwd / 'out').iterdir() if path.name.startswith('.')]
        counts.leftovers += bool(hidden) or not there.keys() <= expected.keys()
        counts.different += there != expected
    return counts


def main(argv: list[str]) -> int:
    """Prints the row; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    import_beforehand()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = run(args.kills, args.seed, Path(folder), Counts())
    print(counts.row(time.monotonic() - start))
    return int(counts.faults > 0)
