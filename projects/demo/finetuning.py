"""The demo of detection: does a backbone that was searched for another task help, and how much?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from scalenas.complexity import Cost, Counter
from scalenas.paths import resource
from scalenas.pipeline import Step, tool_command
from scalenas.trained_alone import TEST

from .commands import configs_in, get_data, stock_tool
from .searching import SearchDemo


@dataclass(frozen=True)
class Backbone:
    """An exported network: NAME.yaml and NAME.pth in a folder."""

    folder: Path
    name: str

    @property
    def arch(self) -> Path:
        """The network."""
        return self.folder / f'{self.name}.yaml'

    @property
    def weights(self) -> Path:
        """Of the whole model that it was exported with."""
        return self.folder / f'{self.name}.pth'


@dataclass(frozen=True)
class DetectionDemo:
    """Boxes around trees: one detector from an exported backbone, and from random weights.

    The backbone is the best net of the segmentation demo where that was run; else a network of its
    space after a short training of teacher and supernet.
    """

    work: Path
    data: Path
    land: SearchDemo
    CONFIGS: ClassVar[str] = 'configs/scalenas_det/trees'
    PARTS: ClassVar[tuple[str, ...]] = ('backbone', 'finetune')
    STARTS: ClassVar[tuple[str, str]] = ('exported', 'random')
    SEEDS: ClassVar[tuple[int, ...]] = (0, 1, 2)
    SIZE: ClassVar[tuple[int, int]] = (256, 256)
    PRETRAINING: ClassVar[int] = 100
    """Iterations of teacher and supernet where the segmentation demo was not run."""

    @property
    def quick(self) -> bool:
        """Few iterations, to see that it runs."""
        return self.land.quick

    @property
    def iters(self) -> int:
        """Iterations of each detector."""
        return 6 if self.quick else 250

    @property
    def config(self) -> Path:
        """Of the detector."""
        return resource(f'{self.CONFIGS}/faster_rcnn_w16_1xb4-250_trees-256x256.py')

    @property
    def source(self) -> Backbone:
        """The backbone that the detectors start from."""
        searched = Backbone(self.land.exported, self.land.NETS[0])
        if searched.weights.is_file() and searched.arch.is_file():
            return searched
        return Backbone(self.work / 'pretrained', 'uniform')

    def cost(self) -> Cost:
        """Of the whole detector, at the size of the tested tiles."""
        # Only this needs torch.
        from scalenas.config import read_config
        from scalenas.evaluation.config_net import config_net

        options = {'model.backbone.arch': str(self.source.arch)}
        net = config_net(read_config(str(self.config), options))
        assert net.head is not None
        return Counter(self.SIZE, net.head)(net.arch)

    def backbone(self) -> list[Step]:
        """The data, and the backbone if the segmentation demo has not made one."""
        steps = [get_data('trees', self.data)]
        if self.source.folder == self.land.exported:
            return steps
        place = self.work / 'pretraining'
        pretraining = replace(self.land, work=place, iterations=self.PRETRAINING)
        arch = resource(f'{self.CONFIGS}/uniform_w16.yaml')
        exported = pretraining.export_step(arch, self.source.folder, self.source.name)
        return [*steps, *pretraining.train(), exported]

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
        """Each seed from either start; tested with mmdetection's own tool. Two run side by side."""
        runs = [(start, seed) for seed in self.SEEDS for start in self.STARTS]
        return [step for run in runs for step in (self._train(*run), self._test(*run))]

    def _train(self, start: str, seed: int) -> Step:
        source = self.source
        options = [f'{name}_dataloader.dataset.data_root={self.data}' for name in ('train', 'test')]
        options += [
            f'test_evaluator.ann_file={self.data}/annotations/instances_test.json',
            f'randomness.seed={seed}',
            f'model.backbone.arch={source.arch}',
        ]
        needs = (self.config, *configs_in(self.CONFIGS), self.data / 'meta.json', source.arch)
        if start == 'exported':
            options += [
                'model.backbone.init_cfg.type=Pretrained',
                f'model.backbone.init_cfg.checkpoint={source.weights}',
                'model.backbone.init_cfg.prefix=backbone.',
            ]
            needs = (*needs, source.weights)
        if self.quick:
            options += [f'train_cfg.max_iters={self.iters}']
        given = tool_command('train.py', self.config, '--work-dir', self.folder(start, seed))
        given = (*given, '--no-validate', '--cfg-options', *options)
        title = f'train a detector from {start} weights, seed {seed}'
        made = (self._checkpoint(start, seed),)
        return Step(title, given, needs, made, ('--resume',), share=1.0)

    def _test(self, start: str, seed: int) -> Step:
        net = self.folder(start, seed) / self.config.name
        weights, out = self._checkpoint(start, seed), self.predictions(start, seed)
        prefix = out.with_name(out.name.removesuffix('.bbox.json'))
        given = tool_command(stock_tool('mmdet', 'test.py'), net, weights, '--work-dir', out.parent)
        given = (*given, '--cfg-options', f'test_evaluator.outfile_prefix={prefix}')
        title = f"test the detector from {start} weights, seed {seed}, with mmdet's tools/test.py"
        return Step(title, given, (weights,), (out,), share=TEST)

    def _checkpoint(self, start: str, seed: int) -> Path:
        return self.folder(start, seed) / f'iter_{self.iters}.pth'
