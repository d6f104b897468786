"""The demo of ScaleNet: two samplings, MCEA, how well supernets rank, a family of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scalenas.paths import file_digest, resource
from scalenas.pipeline import Step, tool_command
from scalenas.trained_alone import TEST, TrainedAlone

from .commands import configs_in, get_data


@dataclass(frozen=True)
class Size:
    """How much of everything: iterations of a supernet and of a network alone, seeds of the
    supernets, networks that are ranked, those of them that are trained alone, the search's
    numbers where they are not its config's, and the samplings that are compared."""

    supernet: int
    alone: int
    seeds: tuple[int, ...]
    paths: int
    trained: int
    search: tuple[str, ...] = ()
    samplings: tuple[str, ...] = ('hierarchical', 'uniform')


_ONCE = ('num_bases=1', 'iterations=1', 'population=2', 'generations=1', 'tolerance=0.4')
QUICK = Size(20, 20, (0,), 6, 3, _ONCE)
MINUTES = Size(1500, 300, (0,), 60, 4)
LONG = Size(
    2400,
    600,
    (0, 1, 2),
    100,
    8,
    ('num_bases=8', 'iterations=4', 'population=10', 'generations=5'),
    ('hierarchical', 'hierarchical-size', 'uniform'),
)


@dataclass(frozen=True)
class ScaleNetDemo:
    """Digits: super-supernets by hierarchical and by uniform sampling, and what is found in one."""

    work: Path
    data: Path
    size: Size = MINUTES
    CONFIGS: ClassVar[str] = 'configs/scalenas_cls/digits'
    PARTS: ClassVar[tuple[str, ...]] = ('train', 'rank', 'search', 'scale')
    SAMPLINGS: ClassVar[dict[str, str]] = {
        'hierarchical': 'supernet_scalenet_1xb64-1500_digits-28x28',
        'hierarchical-size': 'supernet_scalenet-size_1xb64-1500_digits-28x28',
        'uniform': 'supernet_scalenet-uniform_1xb64-1500_digits-28x28',
    }
    STAGES: ClassVar[int] = 2
    """Scaling stages that are searched; the next one is generalised."""

    def config(self, name: str) -> Path:
        """One of the demo's configs."""
        return resource(f'{self.CONFIGS}/{name}.py')

    @property
    def search_config(self) -> Path:
        """Of the search."""
        return self.config('search_scalenet_digits-28x28')

    @property
    def alone_config(self) -> Path:
        """Of one network."""
        return self.config('alone_scalenet_1xb64-600_digits-28x28')

    def checkpoint(self, sampling: str, seed: int) -> Path:
        """Of a supernet."""
        return self.work / f'{sampling}_{seed}' / f'iter_{self.size.supernet}.pth'

    def ranks(self, sampling: str, seed: int) -> Path:
        """Folder of a supernet's rank study: another one after each training of it."""
        return self.work / f'ranks_{sampling}_{seed}_{self._digest(sampling, seed)}'

    @property
    def found(self) -> Path:
        """Folder of the search: another one for each supernet that was trained."""
        return self.work / f'search_{self._digest("hierarchical", self.size.seeds[0])}'

    @property
    def family(self) -> list[Path]:
        """Arch files of all stages, the generalised one last."""
        return [self.found / f'stages/s{j}.yaml' for j in range(self.STAGES + 2)]

    def runs(self) -> list[tuple[str, int]]:
        """Every supernet: sampling and seed; that which is searched comes first."""
        return [(sampling, seed) for seed in self.size.seeds for sampling in self.size.samplings]

    def train(self) -> list[Step]:
        """The data, and the supernets."""
        return [get_data('digits', self.data), *(self._train(*run) for run in self.runs())]

    def rank(self) -> list[Step]:
        """The same paths in every supernet; some of them trained alone."""
        return [self._rank(*run) for run in self.runs()]

    def search(self) -> list[Step]:
        """MCEA; the supernet must be there."""
        weights = self.checkpoint(*self.runs()[0])
        given = tool_command('search.py', self.search_config, weights, '--work-dir', self.found)
        options = self._data('search', 'calibration')
        options += [f'search.algorithm.{option}' for option in self.size.search]
        made = (*self.family[:-1], self.found / 'scalings.yaml', self.found / 'iterations.png')
        given = (*given, '--cfg-options', *options)
        return [Step('search: MCEA', given, (*self._needs(), weights), made)]

    def scale(self) -> list[Step]:
        """The stage beyond those searched, the nets of the search exported, all trained alone."""
        base, *_, grown = self.family
        scalings = self.found / 'scalings.yaml'
        strategy = f'{scalings}:s{self.STAGES + 1}'
        given = tool_command(
            'scale.py', base, strategy, '--head', 'cls:10', '--out', grown, '--force'
        )
        generalised = Step('generalise the scalings', given, (base, scalings), (grown,))
        exports = [self._export(arch) for arch in self.family[:-1]]
        return [generalised, *exports, *self.trained().steps()]

    def trained(self) -> TrainedAlone:
        """The training of every stage from random weights."""
        options = self._data('train', 'val', 'test')
        options += self._short(self.size.alone)
        return TrainedAlone.from_config(
            self.alone_config, self.family, self.found / 'alone', *options
        )

    def _digest(self, sampling: str, seed: int) -> str:
        """A study goes on with the supernet that it began with, and with no other."""
        return file_digest(self.checkpoint(sampling, seed))[:8]

    def _train(self, sampling: str, seed: int) -> Step:
        config = self.config(self.SAMPLINGS[sampling])
        folder, made = self.work / f'{sampling}_{seed}', self.checkpoint(sampling, seed)
        options = [*self._data('train', 'val', 'calibration'), *self._short(self.size.supernet)]
        options += [f'model.sampler.seed={seed}', f'randomness.seed={seed}']
        given = tool_command('train.py', config, '--work-dir', folder, '--cfg-options', *options)
        title = f'train a supernet, {sampling} sampling, seed {seed}'
        return Step(title, given, (config, *self._needs()), (made,), ('--resume',), share=1.0)

    def _rank(self, sampling: str, seed: int) -> Step:
        first = self.ranks(*self.runs()[0])
        folder, weights = self.ranks(sampling, seed), self.checkpoint(sampling, seed)
        config = self.config(self.SAMPLINGS[sampling])
        given = tool_command('rank_study.py', config, weights, '--work-dir', folder)
        given = (*given, '--name', f'{sampling}, seed {seed}')
        needs = (config, *self._needs(), weights)
        if folder == first:
            more = ['--num', self.size.paths, '--num-alone', self.size.trained]
            more += ['--train', self.alone_config]
        else:
            more = ['--archs', first / 'paths.json', '--alone', first / 'alone.csv']
            needs = (*needs, first / 'paths.json', first / 'alone.csv')
        options = self._data('search', 'calibration')
        given = (*given, *map(str, more), '--cfg-options', *options)
        if folder == first:
            given = (*given, '--train-options', *self._data('train', 'val', 'test'))
            given = (*given, *self._short(self.size.alone))
        made = tuple(folder / name for name in ('paths.json', 'ranks.md', 'ranks.json'))
        made = (*made, folder / 'alone.csv') if folder == first else made
        title = f'rank networks: {sampling} sampling, seed {seed}'
        # The first one trains networks alone, two side by side.
        return Step(title, given, needs, made, share=0.0 if folder == first else 1.0)

    def _export(self, arch: Path) -> Step:
        weights = self.checkpoint(*self.runs()[0])
        out = self.work / 'exported'
        given = tool_command('export.py', arch, weights, '--config', self.search_config)
        given = (*given, '--out', str(out), '--force', '--cfg-options')
        options = self._data('train', 'val', 'test', 'calibration')
        made = tuple(out / f'{arch.stem}.{suffix}' for suffix in ('py', 'pth', 'yaml', 'json'))
        title = f'export {arch.stem} with the weights of the supernet'
        return Step(title, (*given, *options), (*self._needs(), arch, weights), made, share=TEST)

    def _needs(self) -> tuple[Path, ...]:
        return (*configs_in(self.CONFIGS), self.data / 'meta.json')

    def _data(self, *loaders: str) -> list[str]:
        return [f'{name}_dataloader.dataset.data_root={self.data}' for name in loaders]

    def _short(self, count: int) -> Sequence[str]:
        warm = min(50, count // 2)
        return [
            f'train_cfg.max_iters={count}',
            f'train_cfg.val_interval={count}',
            f'param_scheduler.0.end={warm}',
            f'param_scheduler.1.begin={warm}',
            f'param_scheduler.1.end={count}',
            f'default_hooks.checkpoint.interval={max(1, count // 2)}',
        ]
