"""Demos of a search: teacher, supernet, two searches, two tested networks of the front, and next to
them an ordinary HRNet of the same cost, trained alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from scalenas.arch import HRArch, dump
from scalenas.paths import file_digest, resource
from scalenas.pipeline import Step, tool_command
from scalenas.staging import write_whole

from .commands import configs_in, get_data, stock_tool
from .uniform import uniform_of_cost

EXPORT = 0.15
"""How long an export or a test takes, about, in trainings of the uniform net."""


@dataclass(frozen=True)
class SearchTask:
    """What tells one demo of a search from another.

    data: its demo data; package: whose stock test tool has the last word; configs: their folder;
    names: what the configs' names end with; iterations: of teacher and supernet; metric: what is
    searched for, of which the reports show `scale` times the value, and `also` others; evaluators:
    those that name an annotation file, with its path in the data; head: its name in the models.
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
    head: str = 'head'

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
    head='decode_head',
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
    """Of each training, where they are not the configs'."""
    candidates: int | None = None
    """Of each search, where they are not the config's."""
    PARTS: ClassVar[tuple[str, ...]] = ('train', 'search', 'export')
    NETS: ClassVar[tuple[str, str]] = ('best', 'small')
    """The best net of the front, and the one half-way down to its cheapest."""
    UNIFORM: ClassVar[str] = 'uniform'
    """An HRNet of equal depths, fused at the ends of modules, that costs no less than the best."""

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
        recipe = 'teacher' if stage == self.UNIFORM else stage
        return 20 if self.quick else self.iterations or self.task.iterations[recipe]

    def _checkpoint(self, stage: str) -> Path:
        return self.work / stage / f'iter_{self.iters(stage)}.pth'

    def _training(
        self,
        name: str,
        needs: tuple[Path, ...],
        *options: str,
        recipe: str = '',
        flags: tuple[str, ...] = (),
    ) -> Step:
        """By the config of `recipe`, or of the same name."""
        recipe = recipe or name
        config = self.task.config(recipe)
        asked = [*self._data_options('train', 'val', 'calibration'), *options]
        count = self.iters(name)
        if count != self.task.iterations[recipe]:
            warm = min(50, count // 2)
            asked += [f'train_cfg.max_iters={count}', f'param_scheduler.0.end={warm}']
            asked += [f'param_scheduler.1.begin={warm}', f'param_scheduler.1.end={count}']
            asked += [f'default_hooks.checkpoint.interval={count // 2}']
        given = tool_command(
            'train.py', config, '--work-dir', self.work / name, *flags, '--cfg-options', *asked
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
        count, initial, parents = (6, 4, 2) if self.quick else _parts(self.candidates or 0)
        if count:
            options += [f'search.algorithm.num_initial={initial}']
            options += [f'search.algorithm.num_parents={parents}']
        few = ('--num-evaluations', count) if count else ()
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

    def export(self, names: Sequence[str] = NETS) -> list[Step]:
        """Nets of the front, and the uniform one, which is trained meanwhile, like the teacher.

        All are written, proven, and tested with the task package's own tool. Writes the uniform
        net's arch, which follows from the best net's cost.
        """
        front = json.loads((self.found / 'front.json').read_text(encoding='utf-8'))
        chosen = {'best': len(front) - 1, 'small': (len(front) - 1) // 2}
        teacher = self.task.config('teacher')
        uniform = uniform_of_cost(teacher, front[chosen['best']]['cost']['macs'])
        arch = self.work / f'{self.UNIFORM}.yaml'
        write_whole(arch, dump(uniform))
        options = self._as_uniform(uniform)
        asked = (f'model.sampler.arch={arch}', *options)
        # The largest net's score means nothing where another one is trained.
        flags = ('--no-validate',)
        trained = self._training(self.UNIFORM, (arch,), *asked, recipe='teacher', flags=flags)
        steps = [trained]
        for name in names:
            index = ('--index', chosen[name])
            steps.append(self.export_step(self.found, self.exported, name, index=index))
            steps.append(self._test(name, steps[-1].makes[:2]))
        last = self.export_step(
            arch, self.exported, self.UNIFORM, weights=self.UNIFORM, options=options
        )
        steps += [last, self._test(self.UNIFORM, last.makes[:2])]
        shares = (1.0, *(EXPORT for _ in steps[1:]))
        return [replace(step, share=share) for step, share in zip(steps, shares, strict=True)]

    def _as_uniform(self, uniform: HRArch) -> tuple[str, ...]:
        """Options that make the teacher's supernet as wide as a uniform net."""
        channels, head = uniform.out_channels, f'model.architecture.{self.task.head}'
        width = f'model.architecture.backbone.space.width={channels[0]}'
        if len(channels) == 1:
            return width, f'{head}.in_channels={channels[0]}'
        seen = ','.join(map(str, channels))
        # HRNet's segmentation head is as wide as all of its maps together.
        return width, f'{head}.in_channels=[{seen}]', f'{head}.channels={sum(channels)}'

    def export_step(
        self,
        source: Path,
        out: Path,
        name: str,
        index: tuple[object, ...] = (),
        weights: str = 'supernet',
        options: tuple[str, ...] = (),
    ) -> Step:
        """Export of an arch, or of an entry of a search's front, as `name` into `out`.

        With the weights of which training.
        """
        config, checkpoint = self.task.config('search'), self._checkpoint(weights)
        given = tool_command('export.py', source, checkpoint, '--config', config, *index)
        given = (*given, '--name', name, '--out', str(out), '--standalone', '--force')
        options = (*self._data_options('train', 'val', 'test', 'calibration'), *options)
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


def _parts(count: int) -> tuple[int, int, int]:
    """Candidates of an evolution, those it begins with, and its parents, in the configs' ratio."""
    return count, count // 3, count // 6
