"""The demos of detection: does a backbone that was searched for another task help, and how much?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from scalenas.arch import HRArch, from_file, of_family
from scalenas.complexity import Cost, Counter
from scalenas.paths import resource
from scalenas.pipeline import Step, tool_command
from scalenas.trained_alone import TEST

from .commands import configs_in, get_data, stock_tool
from .searching import SearchDemo


@dataclass(frozen=True)
class DetectionTask:
    """What tells one demo of detection from the other.

    data: its demo data; config: of the detector; size: of the tested images, height and width, as
    they are padded; truth: name of the file of what is tested; starts: of the backbone, the
    searched one first.
    """

    data: str
    config: str
    size: tuple[int, int]
    truth: str
    starts: tuple[str, ...]
    iterations: int = 250

    @property
    def configs(self) -> str:
        """Folder of the config."""
        return str(Path(self.config).parent)


PEOPLE = DetectionTask(
    'people',
    'configs/scalenas_det/people/faster_rcnn_w16_1xb4-250_people-160x96.py',
    (160, 96),
    'person_keypoints_test_cam4.json',
    ('searched', 'uniform', 'random'),
)
TREES = DetectionTask(
    'trees',
    'configs/scalenas_det/trees/faster_rcnn_w16_1xb4-250_trees-256x256.py',
    (256, 256),
    'instances_test.json',
    ('searched', 'random'),
)


@dataclass(frozen=True)
class DetectionDemo:
    """One detector from several starts: the searched backbone, the uniform one of the same cost,
    and the searched one with random weights.

    The backbones are those of the segmentation demo where it was run; else of a short form of it.
    """

    task: DetectionTask
    work: Path
    data: Path
    land: SearchDemo
    PARTS: ClassVar[tuple[str, ...]] = ('backbone', 'search', 'export', 'finetune')
    SEEDS: ClassVar[tuple[int, ...]] = (0, 1, 2)
    PRETRAINING: ClassVar[int] = 150
    """Iterations of each training where the segmentation demo was not run, and ..."""
    CANDIDATES: ClassVar[int] = 24
    """... networks that are evaluated."""

    @property
    def quick(self) -> bool:
        """Few iterations, to see that it runs."""
        return self.land.quick

    @property
    def iters(self) -> int:
        """Iterations of each detector."""
        return 6 if self.quick else self.task.iterations

    @property
    def config(self) -> Path:
        """Of the detector."""
        return resource(self.task.config)

    @property
    def was_run(self) -> bool:
        """Whether the segmentation demo has made both backbones."""
        names = (self.land.NETS[0], self.land.UNIFORM)
        files = (self.land.exported / f'{name}.{end}' for name in names for end in ('yaml', 'pth'))
        return all(path.is_file() for path in files)

    @property
    def source(self) -> SearchDemo:
        """The demo of a search that makes the backbones."""
        if self.was_run:
            return self.land
        return replace(
            self.land,
            work=self.work / 'pretraining',
            iterations=self.PRETRAINING,
            candidates=self.CANDIDATES,
        )

    def weights(self, start: str) -> Path:
        """Of the exported model whose backbone a detector has, with or without its weights."""
        name = self.source.UNIFORM if start == 'uniform' else self.source.NETS[0]
        return self.source.exported / f'{name}.pth'

    def arch(self, start: str) -> HRArch:
        """The backbone of a detector."""
        path = self.weights(start).with_suffix('.yaml')
        return of_family(from_file(path), HRArch, str(path))

    def cost(self, start: str) -> Cost:
        """Of the whole detector, at the size of the tested images."""
        # Only this needs torch.
        from scalenas.config import read_config
        from scalenas.evaluation.config_net import config_net

        options = {
            'model.backbone.arch': str(self.weights(start).with_suffix('.yaml')),
            'model.neck.in_channels': list(self.arch(start).out_channels),
        }
        net = config_net(read_config(str(self.config), options))
        assert net.head is not None
        return Counter(self.task.size, net.head)(net.arch)

    def backbone(self) -> list[Step]:
        """The data, and a supernet if the segmentation demo has made no backbones."""
        return [get_data(self.task.data, self.data), *self._unless_run(self.source.train)]

    def search(self) -> list[Step]:
        """A short evolution in that supernet."""
        return self._unless_run(self.source.search)[-1:]

    def export(self) -> list[Step]:
        """The best net that it found, and the uniform one of the same cost."""
        return self._unless_run(lambda: self.source.export(self.source.NETS[:1]))

    def _unless_run(self, steps: Callable[[], list[Step]]) -> list[Step]:
        return [] if self.was_run else steps()

    def folder(self, start: str, seed: int) -> Path:
        """Work dir of a detector."""
        return self.work / f'{start}_{seed}'

    def tested(self, start: str, seed: int) -> Path:
        """Work dir of the stock test of a detector."""
        return self.folder(start, seed) / 'test'

    def predictions(self, start: str, seed: int) -> Path:
        """Boxes that the stock test of a detector wrote."""
        return self.tested(start, seed) / 'predictions.bbox.json'

    def finetune(self) -> list[Step]:
        """Each seed from each start; tested with mmdetection's own tool. Two run side by side."""
        runs = [(start, seed) for seed in self.SEEDS for start in self.task.starts]
        return [step for run in runs for step in (self._train(*run), self._test(*run))]

    def _train(self, start: str, seed: int) -> Step:
        weights = self.weights(start)
        arch = weights.with_suffix('.yaml')
        channels = ','.join(map(str, self.arch(start).out_channels))
        options = [f'{name}_dataloader.dataset.data_root={self.data}' for name in ('train', 'test')]
        options += [
            f'test_evaluator.ann_file={self.data}/annotations/{self.task.truth}',
            f'randomness.seed={seed}',
            f'model.backbone.arch={arch}',
            f'model.neck.in_channels=[{channels}]',
        ]
        needs = (self.config, *configs_in(self.task.configs), self.data / 'meta.json', arch)
        if start != 'random':
            options += [
                'model.backbone.init_cfg.type=Pretrained',
                f'model.backbone.init_cfg.checkpoint={weights}',
                'model.backbone.init_cfg.prefix=backbone.',
            ]
            needs = (*needs, weights)
        if self.quick:
            options += [f'train_cfg.max_iters={self.iters}']
        given = tool_command('train.py', self.config, '--work-dir', self.folder(start, seed))
        given = (*given, '--no-validate', '--cfg-options', *options)
        title = f'train a detector, {start} backbone, seed {seed}'
        made = (self._checkpoint(start, seed),)
        return Step(title, given, needs, made, ('--resume',), share=1.0)

    def _test(self, start: str, seed: int) -> Step:
        net = self.folder(start, seed) / self.config.name
        weights, out = self._checkpoint(start, seed), self.predictions(start, seed)
        prefix = out.with_name(out.name.removesuffix('.bbox.json'))
        given = tool_command(stock_tool('mmdet', 'test.py'), net, weights, '--work-dir', out.parent)
        given = (*given, '--cfg-options', f'test_evaluator.outfile_prefix={prefix}')
        title = f"test the detector, {start} backbone, seed {seed}, with mmdet's tools/test.py"
        return Step(title, given, (weights,), (out,), share=TEST)

    def _checkpoint(self, start: str, seed: int) -> Path:
        return self.folder(start, seed) / f'iter_{self.iters}.pth'
