"""Trainings and evaluations of the scenes studies: as the configs say, with the images in memory.

A config of configs/scalenas_seg/scenes/ says model, optimizer, schedule and batch size, as it does
for tools/train.py; what is left out is the Runner around it and the reading of files, which would
take a third of the time of networks this small. All randomness follows from seed and iteration.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from PIL import Image
from torch import Tensor, nn

from scalenas.evaluation import SubnetEvaluator
from scalenas.registry import MODELS
from scalenas.staging import staged_file

IGNORED = 255


def quiet() -> None:
    """Imports what configs name, and keeps mmengine from listing every weight that it starts."""
    import scalenas.evaluation
    import scalenas.models
    import scalenas.training  # noqa: F401

    MMLogger.get_instance('mmengine', log_level='WARNING')


class Split(Protocol):
    """Images in memory that a training goes over."""

    def prepared(self, model: nn.Module) -> Split:
        """With pixels as the model's preprocessor gives them to the network."""

    def batch(self, size: int, seed: int, iteration: int) -> tuple[Tensor, Tensor]:
        """Augmented pixels and labels of an iteration."""

    def samples(self, labels: Tensor) -> list[Any]:
        """What the task's losses take."""


@dataclass(frozen=True)
class Images:
    """A split: pixels (N, 3, H, W) uint8 in BGR order, as mmcv reads them; labels (N, H, W)."""

    pixels: Tensor
    labels: Tensor

    @classmethod
    def read(cls, root: Path, split: str) -> Images:
        """All images of a split of a data set in the ADE layout."""
        names = sorted((root / 'images' / split).glob('*.png'))
        pixels = np.stack([np.asarray(Image.open(name))[..., ::-1] for name in names])
        labels = [np.asarray(Image.open(root / 'annotations' / split / p.name)) for p in names]
        shown = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        return cls(shown, torch.from_numpy(np.stack(labels)).long())

    def prepared(self, model: nn.Module) -> Images:
        """With pixels as the model's preprocessor gives them to the network."""
        given = {'inputs': list(self.pixels), 'data_samples': samples(self.labels)}
        return Images(model.data_preprocessor(given, training=False)['inputs'], self.labels)

    def batch(self, size: int, seed: int, iteration: int) -> tuple[Tensor, Tensor]:
        """Batch of an iteration: each epoch shuffled anew, a quarter flipped along each axis."""
        per_epoch = len(self.pixels) // size
        epoch, position = divmod(iteration, per_epoch)
        order = np.random.default_rng([seed, 0, epoch]).permutation(len(self.pixels))
        rows = torch.from_numpy(order[position * size : (position + 1) * size])
        x, y = self.pixels[rows], self.labels[rows]
        turns = np.random.default_rng([seed, 1, iteration]).choice(3, size, p=(0.5, 0.25, 0.25))
        for i, turn in enumerate(turns):
            if turn:
                x[i], y[i] = x[i].flip(-int(turn)), y[i].flip(-int(turn))
        return x, y

    def samples(self, labels: Tensor) -> list[SegDataSample]:
        """What mmseg's losses take."""
        return samples(labels)


def samples(labels: Tensor) -> list[SegDataSample]:
    """What mmseg's losses take."""
    size = tuple(labels.shape[1:])
    shape = {'img_shape': size, 'ori_shape': size, 'pad_shape': size}
    return [SegDataSample(gt_sem_seg=PixelData(data=y[None]), metainfo=shape) for y in labels]


def built(cfg: Config, seed: int) -> Any:
    """The model of a config with the initial weights of a seed."""
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model


@dataclass
class Training:
    """A training by a config, which goes on from `state` where that file is."""

    cfg: Config
    seed: int
    state: Path | None = None
    keep_every: float = 60.0
    """Seconds between two states."""

    def run(self, images: Split, say: Callable[[str], None] | None = None) -> Any:
        """The trained model, in eval mode."""
        model = built(self.cfg, self.seed)
        optimizer = build_optim_wrapper(model, self.cfg.optim_wrapper)
        schedulers = [
            PARAM_SCHEDULERS.build(dict(scheduler), default_args={'optimizer': optimizer})
            for scheduler in self.cfg.param_scheduler
        ]
        begin = self._load(model, optimizer, schedulers)
        data = images.prepared(getattr(model, 'architecture', model))
        model.train()
        last, size = self.cfg.train_cfg.max_iters, self.cfg.train_dataloader.batch_size
        kept = started = time.monotonic()
        hub = MessageHub.get_current_instance()
        for iteration in range(begin, last):
            hub.update_info('iter', iteration)
            x, y = data.batch(size, self.seed, iteration)
            loss, _ = model.parse_losses(model(x, data.samples(y), mode='loss'))
            if not torch.isfinite(loss):
                raise FloatingPointError(f'iteration {iteration}: the loss is {loss.item()}')
            optimizer.update_params(loss)
            for scheduler in schedulers:
                scheduler.step()
            now = time.monotonic()
            if now - kept > self.keep_every and iteration + 1 < last:
                kept = now
                self._keep(iteration + 1, model, optimizer, schedulers)
                if say is not None:
                    done, left = iteration + 1 - begin, last - iteration - 1
                    seconds = (now - started) / done * left
                    say(f'{iteration + 1}/{last}, loss {loss.item():.3f}, {seconds:.0f} s left')
        model.eval()
        return model

    def _keep(
        self, iteration: int, model: nn.Module, optimizer: OptimWrapper, schedulers: list[Any]
    ) -> None:
        if self.state is None:
            return
        state = {
            'iteration': iteration,
            'model': model.state_dict(),
            'optimizer': optimizer.state_dict(),
            'schedulers': [scheduler.state_dict() for scheduler in schedulers],
        }
        with staged_file(self.state) as part:
            torch.save(state, part)

    def _load(self, model: nn.Module, optimizer: OptimWrapper, schedulers: list[Any]) -> int:
        if self.state is None or not self.state.is_file():
            return 0
        state = torch.load(self.state, weights_only=True)
        model.load_state_dict(state['model'])
        optimizer.load_state_dict(state['optimizer'])
        for scheduler, values in zip(schedulers, state['schedulers'], strict=True):
            scheduler.load_state_dict(values)
        return int(state['iteration'])


@torch.no_grad()
def mean_iou(model: nn.Module, x: Tensor, labels: Tensor, at_once: int = 100) -> float:
    """mIoU in percent of a segmentor on prepared images, as mmseg's IoUMetric has it, unrounded."""
    classes = model.decode_head.num_classes
    counts = torch.zeros(classes, classes, dtype=torch.double)
    for i in range(0, len(x), at_once):
        y = labels[i : i + at_once]
        logits = model(x[i : i + at_once], mode='tensor')
        logits = resize(logits, size=tuple(y.shape[1:]), mode='bilinear', align_corners=False)
        counts += confusion(logits.argmax(1), y, classes)
    return _mean(counts)


def confusion(guessed: Tensor, truth: Tensor, classes: int) -> Tensor:
    """Counts (classes, classes) of pixels by truth and guess; ignored ones are left out."""
    seen = truth != IGNORED
    pairs = truth[seen] * classes + guessed[seen]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes).double()


class QuickEvaluator(SubnetEvaluator):
    """The evaluator of a search, which takes its metric in one sweep over images in memory.

    Calibration is the search's; `check` compares the metric with the one that a search gives.
    """

    def measure(self, model: nn.Module) -> dict[str, float]:
        """The mIoU."""
        x, y = self._gathered
        return {'mIoU': mean_iou(getattr(model, 'architecture', model), x, y)}

    def check(self, arch: Any) -> None:
        """Pass when a search would have seen the same."""
        quick = self(arch)['mIoU']
        self.measure = super().measure  # type: ignore[method-assign]
        usual = self(arch)['mIoU']
        del self.measure
        if abs(quick - usual) > 1e-6:
            raise AssertionError(f'{quick} here, {usual} in a search')

    @property
    def _gathered(self) -> tuple[Tensor, Tensor]:
        if not hasattr(self, '_images'):
            batches = list(self.validation)
            labels = [s.gt_sem_seg.data for batch in batches for s in batch['data_samples']]
            self._images = torch.cat([b['inputs'] for b in batches]), torch.cat(labels).long()
        return self._images


def trivial_score(labels: Tensor, classes: int) -> float:
    """mIoU in percent of who says background everywhere."""
    counts = confusion(torch.zeros_like(labels), labels, classes)
    return _mean(counts)


def _mean(counts: Tensor) -> float:
    """Over classes; one that neither truth nor guess has does not count."""
    hit = counts.diag()
    return float((hit / (counts.sum(0) + counts.sum(1) - hit)).nanmean() * 100)
