"""Demos of a search: teacher, supernet, two searches, and two tested networks of the front."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scalenas.paths import file_digest, resource
from scalenas.pipeline import Step, tool_command

from .commands import configs_in, get_data, stock_tool


@dataclass(frozen=True)
class SearchTask:
    """What tells one demo of a search from another.

    data: its demo data; package: whose stock test tool has the last word; configs: their folder;
    names: what the configs' names end with; iterations: of teacher and supernet; metric: what is
    searched for, of which the reports show `scale` times the value, and `also` others; evaluators:
    those that name an annotation file, with its path in the data.
    """

    data: str
    package: str
    configs: str
    names: str
    metric: str
    iterations: Mapping[str, int]
    scale: float = 1.0
    also: tuple[str, ...] = ()
    evaluators: tuple[tuple[str, str], ...] = ()

    def config(self, stage: str) -> Path:
        """The config of `teacher`, `supernet` or `search`."""
        count = self.iterations.get(stage, 0)
        label = f'{count // 1000}k' if count % 1000 == 0 else str(count)
        middle = f'1xb16-{label}_' if count else ''
        return resource(f'{self.configs}/{stage}_w16_{middle}{self.names}.py')

    def predictions(self, folder: Path) -> tuple[tuple[str, ...], Path]:
        """Arguments with which the stock test tool keeps its predictions, and where they are."""
        if self.package == 'mmseg':
            return ('--out', str(folder / 'predictions')), folder / 'predictions'
        prefix = folder / 'predictions'
        option = f'test_evaluator.0.outfile_prefix={prefix}'
        return ('--cfg-options', option), prefix.with_suffix('.keypoints.json')


LAND = SearchTask(
    *('earth', 'mmseg', 'configs/scalenas_seg/earth', 'earth-96x96', 'mIoU'),
    iterations={'teacher': 1000, 'supernet': 1000},
)
_KEYPOINTS = 'annotations/person_keypoints_{}.json'
POSE = SearchTask(
    *('people', 'mmpose', 'configs/scalenas_pose/people', 'people-128x96', 'coco/AP'),
    iterations={'teacher': 400, 'supernet': 500},
    scale=100.0,
    also=('PCK',),
    evaluators=(
        ('val', _KEYPOINTS.format('test')),
        ('test', _KEYPOINTS.format('test')),
        ('search', _KEYPOINTS.format('search')),
    ),
)


@dataclass(frozen=True)
class SearchDemo:
    """A task from the data to two tested networks."""

    task: SearchTask
    work: Path
    data: Path
    quick: bool = False
    iterations: int | None = None
    """Of either training, where they are not the configs'."""
    PARTS: ClassVar[tuple[str, ...]] = ('train', 'search', 'export')
    NETS: ClassVar[tuple[str, str]] = ('best', 'small')
    """The best net of the front, and the one half-way down to its cheapest."""

    @property
    def found(self) -> Path:
        """Folder of the evolution's report: another one for each supernet that was trained."""
        return self.work / f'search_{file_digest(self._checkpoint("supernet"))[:8]}'

    @property
    def random(self) -> Path:
        """Folder of the random search's report."""
        return self.found / 'random'

    @property
    def exported(self) -> Path:
        """Folder of the exported networks."""
        return self.work / 'exported'

    def iters(self, stage: str) -> int:
        """Iterations of a training."""
        return 20 if self.quick else self.iterations or self.task.iterations[stage]

    def _checkpoint(self, stage: str) -> Path:
        return self.work / stage / f'iter_{self.iters(stage)}.pth'

    def _training(self, name: str, needs: tuple[Path, ...], *options: str) -> Step:
        config = self.task.config(name)
        asked = [*self._data_options('train', 'val', 'calibration'), *options]
        count = self.iters(name)
        if count != self.task.iterations[name]:
            warm = min(50, count // 2)
            asked += [f'train_cfg.max_iters={count}', f'param_scheduler.0.end={warm}']
            asked += [f'param_scheduler.1.begin={warm}', f'param_scheduler.1.end={count}']
            asked += [f'default_hooks.checkpoint.interval={count // 2}']
        given = tool_command(
            'train.py', config, '--work-dir', self.work / name, '--cfg-options', *asked
        )
        made = self._checkpoint(name)
        needs = (config, *self._bases(), *needs)
        return Step(f'train the {name}', given, needs, (made,), ('--resume',))

    def _bases(self) -> list[Path]:
        """All that a config of the demo may inherit, and the data."""
        return [*configs_in(self.task.configs), self.data / 'meta.json']

    def _data_options(self, *loaders: str) -> list[str]:
        options = [f'{name}_dataloader.dataset.data_root={self.data}' for name in loaders]
        for name, file in self.task.evaluators:
            if name in loaders:
                options.append(f'{name}_evaluator.0.ann_file={self.data / file}')
        return options

    def _search(self, algorithm: str, out: Path) -> Step:
        config = self.task.config('search')
        checkpoint = self._checkpoint('supernet')
        options = self._data_options('search', 'calibration')
        if self.quick:
            options += ['search.algorithm.num_initial=4', 'search.algorithm.num_parents=2']
        few = ('--num-evaluations', 6) if self.quick else ()
        given = tool_command(
            'search.py', config, checkpoint, '--work-dir', self.found, '--algorithm', algorithm
        )
        given = (*given, *map(str, few), '--cfg-options', *options)
        title = f'search: {algorithm.replace("_", " ")}'
        needs = (config, *self._bases(), checkpoint)
        return Step(title, given, needs, (out / 'front.json', out / 'all.csv'))

    def train(self) -> list[Step]:
        """Data, teacher, supernet."""
        teacher = self._checkpoint('teacher')
        return [
            get_data(self.task.data, self.data),
            self._training('teacher', ()),
            self._training('supernet', (teacher,), f'model.init_from.checkpoint={teacher}'),
        ]

    def search(self) -> list[Step]:
        """Random search and evolution; the supernet must be there."""
        return [
            self._search('random', self.random),
            self._search('topology_evolution', self.found),
        ]

    def export(self) -> list[Step]:
        """Two nets of the front: written, proven, and tested with the task package's own tool."""
        front = json.loads((self.found / 'front.json').read_text(encoding='utf-8'))
        chosen = {'best': len(front) - 1, 'small': (len(front) - 1) // 2}
        steps = []
        for name in self.NETS:
            exported = self.export_step(
                self.found, self.exported, name, index=('--index', chosen[name])
            )
            steps += [exported, self._test(name, exported.makes[:2])]
        return steps

    def export_step(
        self, source: Path, out: Path, name: str, index: tuple[object, ...] = ()
    ) -> Step:
        """Export of an arch, or of an entry of a search's front, as `name` into `out`."""
        config, checkpoint = self.task.config('search'), self._checkpoint('supernet')
        given = tool_command('export.py', source, checkpoint, '--config', config, *index)
        given = (*given, '--name', name, '--out', str(out), '--standalone', '--force')
        options = self._data_options('train', 'val', 'test', 'calibration')
        asked = source / 'front.json' if index else source
        return Step(
            f'export the {name} net',
            (*given, '--cfg-options', *options),
            (config, *self._bases(), asked, checkpoint),
            (out / f'{name}.py', out / f'{name}.pth', out / f'{name}.yaml'),
        )

    def _test(self, name: str, files: tuple[Path, ...]) -> Step:
        folder = self.work / f'test_{name}'
        tested = tool_command(
            stock_tool(self.task.package, 'test.py'), *files, '--work-dir', folder
        )
        keep, out = self.task.predictions(folder)
        title = f"test the {name} net with {self.task.package}'s tools/test.py"
        return Step(title, (*tested, *keep), files, (out,))
