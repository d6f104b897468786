"""Networks trained alone, each by the same config: what a rank study compares a supernet with."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scalenas.errors import UserError
from scalenas.pipeline import Step, tool_command
from scalenas.search.fingerprint import as_plain
from scalenas.staging import staged_file

TEST = 0.2
"""How long a test takes, about, in trainings: for the time left."""


@dataclass(frozen=True)
class TrainedAlone:
    """Trains and tests `archs` by `config`, in which the network is `model.backbone.arch`.

    max_iters: the config's. options: more of --cfg-options. inherited: the config with all its
    bases, and data: the note that demo data have of how they were made; both as they are now.
    """

    config: Path
    max_iters: int
    archs: Sequence[Path]
    work: Path
    options: tuple[str, ...] = ()
    inherited: str = ''
    data: tuple[Path, ...] = ()

    @classmethod
    def from_config(
        cls, config: str | Path, archs: Sequence[Path], work: Path, *options: str
    ) -> TrainedAlone:
        """By a config, which must train by iterations and have a backbone with an arch.

        Raises:
            UserError: when it does not, or cannot be read; for an option that is no KEY=VALUE.
        """
        from scalenas.config import read_config

        cfg = read_config(str(config))
        iterations = (cfg.get('train_cfg') or {}).get('max_iters')
        if not iterations or 'arch' not in (cfg.get('model', {}).get('backbone') or {}):
            raise UserError(
                where=config,
                allowed='a config with train_cfg.max_iters and model.backbone.arch, in which one '
                'network after the other is put',
            )
        given = {key: value for key, _, value in (option.partition('=') for option in options)}
        if not all('=' in option for option in options):
            got = ' '.join(options)
            raise UserError(where=f'options of {config}', got=got, allowed='KEY=VALUE')
        count = str(given.get('train_cfg.max_iters', iterations))
        if not count.isdecimal() or not int(count):
            where = f'train_cfg.max_iters of {config}'
            raise UserError(where=where, got=count, allowed='a number')
        dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
        root = given.get('train_dataloader.dataset.data_root', dataset.get('data_root'))
        data = (Path(root) / 'meta.json',) if root else ()
        inherited = json.dumps(as_plain(cfg.to_dict()))
        return cls(Path(config), int(count), archs, work, options, inherited, data)

    def steps(self) -> list[Step]:
        """Training and test of each network; two run side by side."""
        return [step for arch in self.archs for step in (self._train(arch), self._test(arch))]

    def scores(self, metric: str) -> dict[Path, float]:
        """Arch file -> score in its test, once the steps are done.

        Raises:
            UserError: when the test gives no such metric.
        """
        values = {}
        for arch in self.archs:
            metrics = stock_metrics(self._folder(arch) / 'test')
            if metric not in metrics:
                problem = 'its test gives no such metric'
                raise UserError(problem, where=self.config, got=metric, allowed=metrics)
            values[arch] = metrics[metric]
        return values

    def write_scores(self, path: Path, metric: str) -> None:
        """A CSV as `scalenas.search.read_alone` reads it."""
        with staged_file(path) as part, part.open('w', encoding='utf-8', newline='') as file:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(['arch', 'score'])
            for arch, score in self.scores(metric).items():
                writer.writerow([arch.resolve(), score])

    def _folder(self, arch: Path) -> Path:
        return self.work / arch.stem

    def _options(self, arch: Path) -> tuple[str, ...]:
        return ('--cfg-options', f'model.backbone.arch={arch}', *self.options)

    def _train(self, arch: Path) -> Step:
        folder = self._folder(arch)
        given = tool_command('train.py', self.config, '--work-dir', folder, '--no-validate')
        return Step(
            f'train {arch.stem} alone',
            (*given, *self._options(arch)),
            (self.config, arch, *self.data),
            (folder / f'iter_{self.max_iters}.pth',),
            ('--resume',),
            share=1.0,
            given=self.inherited,
        )

    def _test(self, arch: Path) -> Step:
        folder = self._folder(arch)
        weights, out = folder / f'iter_{self.max_iters}.pth', folder / 'test'
        given = tool_command('test.py', self.config, weights, '--work-dir', out)
        given = (*given, *self._options(arch))
        needs = (arch, weights, *self.data)
        title = f'test {arch.stem}'
        return Step(title, given, needs, (out,), share=TEST, given=self.inherited)


def stock_metrics(folder: Path) -> dict[str, float]:
    """Metrics that a test tool of an OpenMMLab package left in its work dir, of the newest run."""
    logs = sorted(folder.glob('*/*.json'))
    assert logs, folder
    metrics: dict[str, float] = json.loads(logs[-1].read_text(encoding='utf-8'))
    return metrics
