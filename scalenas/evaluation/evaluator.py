"""Arch to metrics: a trained supernet, fixed calibration images, and a validation split."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal, Self

import torch
from mmengine.config import Config, ConfigDict
from mmengine.evaluator import Evaluator
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from scalenas.arch import ClassificationHead, Size, layers
from scalenas.arch.strict import as_choice
from scalenas.complexity import Counter, count
from scalenas.config import check_hints, check_values, clear_errors
from scalenas.errors import EvaluationError
from scalenas.models import SuperLinear
from scalenas.models.checkpoint import check_space, check_weights, load_checkpoint
from scalenas.models.finite import watched
from scalenas.models.supernet import Supernet, supernet_of
from scalenas.space import AbstractSpace
from scalenas.tasks import check_data, check_metrics, fit_truth, task_of

from .batches import MEMORY_LIMIT, FixedBatches, build_loader, warn_of_overlap
from .calibrate import calibrated
from .device import choose_device
from .precision import full_precision, unrounded
from .prefix import LIMIT, PrefixCache, prefix_limit
from .trace import trace

CLASSES = ('all', 'present')
"""What `search.classes` may be: the mean is over all classes, or over those that an image holds."""


def chosen_classes(cfg: Config) -> str:
    """`search.classes` of a config.

    Raises:
        UserError: for another value.
    """
    search = cfg.get('search')
    given = search.get('classes', 'all') if isinstance(search, Mapping) else 'all'
    return str(as_choice(given, 'search.classes', CLASSES))


class SubnetEvaluator:
    """Metrics of sub-nets: each is calibrated, then validated, in place and without a copy.

    Everything is built once; what an arch costs is its forwards, of which the beginning that all
    networks share is kept in up to `prefix_limit` bytes (see `PrefixCache`). The same arch gives
    the same numbers, whichever ran before. With `present` means over classes are over those that
    the truth holds.
    """

    def __init__(
        self,
        model: nn.Module,
        calibration: FixedBatches,
        validation: FixedBatches,
        evaluator: Evaluator,
        present: bool = False,
        prefix_limit: int = LIMIT,
    ) -> None:
        self.model = model
        self.calibration = calibration
        self.validation = validation
        self.evaluator = unrounded(evaluator, present)
        supernet = supernet_of(model)
        self.space: AbstractSpace[Any] = supernet.space
        self._cache = PrefixCache(
            supernet, prefix_limit, lambda x: calibration.holds(x) or validation.holds(x)
        )

    @classmethod
    def from_config(
        cls,
        cfg: Config,
        checkpoint: str | Path,
        device: str | None = None,
        split: Literal['search', 'test'] = 'search',
        memory_limit: int = MEMORY_LIMIT,
    ) -> Self:
        """From a supernet's config and checkpoint.

        Reads `calibration_dataloader`, and `search_dataloader` with `search_evaluator` (default:
        val_evaluator), or with `split='test'` the test ones, of which a search must not know.
        Without a `device` it is the one that training takes.

        Raises:
            EvaluationError, CheckpointError, DataError: one line, what is missing or does not fit.
        """
        target = choose_device(device)
        check_values(cfg)
        check_hints(cfg)
        check_metrics(cfg)
        limit = prefix_limit(cfg.get('search'))
        task = task_of(cfg)
        present = split == 'search' and chosen_classes(cfg) == 'present'
        check_data(cfg, (f'{split}_dataloader', 'calibration_dataloader'))
        with clear_errors(cfg):
            model = build_model(cfg)
            load_into(model, checkpoint)
            model.to(target)
            model.eval()
            loader = build_loader(cfg, f'{split}_dataloader')
            evaluator = build_metrics(cfg, f'{split}_evaluator')
            # Before another dataset: mmpose's CocoMetric takes the truth of the one built last.
            evaluator.dataset_meta = getattr(loader.dataset, 'metainfo', None)
            fit_truth(evaluator.metrics, loader, f'{split}_evaluator')
            calibration = build_loader(cfg, 'calibration_dataloader')
            if split == 'search':
                warn_of_overlap(loader.dataset, cfg)
        preprocess, name = model.data_preprocessor, f'{split}_dataloader'
        images = FixedBatches(loader, preprocess, memory_limit, task.batch_check(cfg, name))
        if split == 'search' and not present:
            task.check_classes(cfg, images, evaluator.metrics)
        check = task.batch_check(cfg, 'calibration_dataloader')
        return cls(
            model,
            FixedBatches(calibration, preprocess, memory_limit, check),
            images,
            evaluator,
            present,
            limit,
        )

    def __call__(self, arch: Any) -> dict[str, float]:
        """Metrics of one sub-net, at full precision."""
        with calibrated(self.model, arch, self.calibration, self._cache), self._cache.validating():
            return self.measure(self.model)

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, float]:
        """Metrics of any model of the same task as it stands, on the validation images.

        Raises:
            EvaluationError: for outputs that are not finite.
        """
        for metric in self.evaluator.metrics:
            metric.results.clear()  # those of an attempt that failed half-way would count, too
        with watched(model) as watch:
            for batch in self.validation:
                outputs = model(**batch, mode='predict')
                watch.check(EvaluationError)
                self.evaluator.process(data_samples=outputs, data_batch=batch)
                # Both hold full-size logits, which would stay through the next forward.
                del outputs, batch
        # COCO's tools print a page for each candidate, and mmengine logs what matters.
        with redirect_stdout(io.StringIO()):
            return full_precision(self.evaluator.evaluate(self.validation.num_images))

    def counter(self, size: Size | None) -> Counter:
        """Counts whole models at an input of `size`; see `counter_of`."""
        return counter_of(self.model, size)


def counter_of(model: nn.Module, size: Size | None) -> Counter:
    """Counts whole models at an input of `size`: sub-net plus everything around it.

    Networks that bring images to their own resolution are counted there: `size` is None.

    Raises:
        EvaluationError: when `size` is missing, or has no meaning, and where the units of a
            network are not what it runs.
    """
    backbone = supernet_of(model)
    smallest = backbone.space.smallest()
    check_units(backbone, smallest)
    if backbone.resizes is (size is not None):
        raise EvaluationError(
            where='search.size',
            got=size,
            allowed='None: the networks have their own resolution'
            if size
            else 'the height and width of the images',
        )
    heads = [m for m in model.modules() if isinstance(m, SuperLinear)]
    with backbone.active(smallest):
        at = size or backbone.space.largest().size
        rest = trace(model, at, smallest.in_channels, skip=[backbone, *heads])
    head = ClassificationHead(heads[0].out_features) if heads else None
    return Counter(size, head, rest)


def check_units(backbone: Supernet[Any], arch: Any) -> None:
    """Pass when the counted MACs of a network are those that its forward is seen to do.

    Raises:
        EvaluationError: when `units` of the arch leave something out, or have something else: every
            cost of the family would be wrong.
    """
    size = arch.size or (64, 64)
    with backbone.active(arch):
        seen = trace(backbone, size, arch.in_channels)['macs']
    counted = count(layers(arch, size))['macs']
    if seen != counted:
        raise EvaluationError(
            f'{arch.summary}: the forward does {seen:,} macs, and its units count {counted:,}',
            where=f'family {arch.family}: units',
            hint='make units yield every convolution and linear layer that runs',
        )


def build_metrics(cfg: Config, name: str) -> Evaluator:
    """The evaluator that the config variable `name` describes, else `val_evaluator`.

    Raises:
        EvaluationError: when there is neither.
    """
    metrics = cfg.get('val_evaluator') if cfg.get(name) is None else cfg[name]
    if metrics is None:
        raise EvaluationError('is missing, and so is val_evaluator', where=name)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        return Evaluator(metrics)


def build_model(cfg: Config) -> Any:
    """The model of a config as the Runner builds it, but without teacher and initial weights.

    Raises:
        EvaluationError: when the config has none.
    """
    if cfg.get('model') is None:
        raise EvaluationError('is missing', where=f'{cfg.filename}: model')
    model_cfg = ConfigDict(cfg['model'])
    for key in ('distillation', 'init_from', 'init_cfg'):
        if key in model_cfg:
            model_cfg[key] = None
    if cfg.get('data_preprocessor') is not None:
        model_cfg.setdefault('data_preprocessor', cfg['data_preprocessor'])
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        return MODELS.build(model_cfg)


def load_into(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Loads a supernet's checkpoint into `model`, key by key; gives back its meta.

    Raises:
        CheckpointError: for an unreadable file, another space (see `check_space`), or other
            keys than the model's.
    """
    checkpoint = load_checkpoint(path)
    check_space(checkpoint, supernet_of(model).space, path, to_evaluate=True)
    check_weights(model.state_dict(), checkpoint['state_dict'], path)
    model.load_state_dict(checkpoint['state_dict'])
    result: dict[str, Any] = checkpoint.get('meta', {})
    return result
