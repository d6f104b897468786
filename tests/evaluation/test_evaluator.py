"""From a config, a checkpoint and an arch to numbers: the same, whoever asks and how often."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.evaluation import CocoMetric
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.evaluation import IoUMetric
from torch import nn

from scalenas.complexity import count
from scalenas.errors import ConfigError, DataError, EvaluationError
from scalenas.evaluation import SubnetEvaluator, calibrated
from scalenas.evaluation.batches import FixedBatches, build_loader
from scalenas.evaluation.precision import full_precision, unrounded
from scalenas.space import HRSpace, SpaceError
from scalenas.tasks.label_maps.classes import areas
from tests.errors import contains, raises

from .world import SPACE, archs, checkpoint, segmentor, supernet


@pytest.fixture(scope='module')
def evaluator(root: Path) -> SubnetEvaluator:
    return SubnetEvaluator.from_config(Config.fromfile(root / 'supernet.py'), root / 'supernet.pth')


def test_the_same_arch_gives_the_same_number(evaluator: SubnetEvaluator, root: Path) -> None:
    first, *others = archs(4)
    once = evaluator(first)
    for arch in others:
        evaluator(arch)
    again = SubnetEvaluator.from_config(
        Config.fromfile(root / 'supernet.py'), root / 'supernet.pth'
    )
    assert evaluator(first) == once == again(first)
    assert set(once) == {'aAcc', 'mIoU', 'mAcc'}
    assert all(type(value) is float and 0 <= value <= 100 for value in once.values())


@pytest.mark.parametrize('size', [1, 3, 11])
def test_the_batches_of_calibration_do_not_change_a_number(
    evaluator: SubnetEvaluator, root: Path, size: int
) -> None:
    """One image, three and all of them a batch; the world's config has five."""
    cfg = Config.fromfile(root / 'supernet.py')
    cfg.calibration_dataloader.batch_size = size
    arch = archs(3)[2]
    assert SubnetEvaluator.from_config(cfg, root / 'supernet.pth')(arch) == evaluator(arch)


def test_the_number_is_mmsegs_own_without_its_rounding(
    evaluator: SubnetEvaluator, cfg: Config
) -> None:
    """Against a stock ValLoop's pieces, and against a confusion matrix counted here."""
    arch = archs(3)[2]
    with DefaultScope.overwrite_default_scope('mmseg'):
        loader = Runner.build_dataloader(cfg.search_dataloader)
    stock = Evaluator({'type': 'mmseg.IoUMetric'})
    stock.dataset_meta = loader.dataset.metainfo
    confusion = np.zeros((4, 4))
    with calibrated(evaluator.model, arch, evaluator.calibration):
        for data in loader:
            samples = evaluator.model.val_step(data)
            stock.process(samples, data)
            for sample in samples:
                truth, found = sample.gt_sem_seg.data.numpy(), sample.pred_sem_seg.data.numpy()
                np.add.at(confusion, (truth, found), 1)
    ours, theirs = evaluator(arch), stock.evaluate(len(loader.dataset))
    assert {key: round(value, 2) for key, value in ours.items()} == pytest.approx(theirs, abs=1e-9)
    hits = confusion.diagonal()
    iou = hits / (confusion.sum(0) + confusion.sum(1) - hits)
    assert ours['mIoU'] == pytest.approx(100 * iou.mean(), abs=1e-10)


def test_areas_add_exactly_beyond_float32() -> None:
    evaluator = Evaluator({'type': 'mmseg.IoUMetric'})
    evaluator.dataset_meta = {'classes': ('a', 'b')}
    metric = unrounded(evaluator).metrics[0]
    big, one = torch.tensor([2.0**24, 0.0]), torch.tensor([1.0, 1.0])
    rows = [(big, big, big, big), *[(one * 0, one, one, one)] * 3]
    found = metric.compute_metrics(rows)
    assert found['aAcc'] == 100 * 2**24 / (2**24 + 6)
    assert found['mIoU'] == 50 * 2**24 / (2**24 + 3)


def test_what_a_failed_attempt_left_does_not_count(
    evaluator: SubnetEvaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search tries a network twice: out of memory in the second batch, say, then well."""
    arch = archs(3)[2]
    once = evaluator(arch)
    calls = []

    def process(data_samples: object, data_batch: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        Evaluator.process(evaluator.evaluator, data_samples, data_batch)

    monkeypatch.setattr(evaluator.evaluator, 'process', process)
    with pytest.raises(MemoryError):
        evaluator(archs(1)[0])
    assert evaluator(arch) == once


def test_one_output_channel_is_scored_as_by_mmseg() -> None:
    """Its classes come as floats."""
    generator = torch.Generator().manual_seed(0)
    samples = [
        {
            'pred_sem_seg': {'data': torch.randint(0, 2, (1, 6, 6), generator=generator).float()},
            'gt_sem_seg': {'data': torch.randint(0, 2, (1, 6, 6), generator=generator).byte()},
        }
        for _ in range(3)
    ]
    found = []
    for wrap in (Evaluator, lambda metric: unrounded(Evaluator(metric))):
        evaluator = wrap({'type': 'mmseg.IoUMetric'})
        evaluator.dataset_meta = {'classes': ('ground', 'roof')}
        evaluator.process(samples)
        found.append(evaluator.evaluate(3))
    stock, ours = found
    assert {name: round(value, 2) for name, value in ours.items()} == pytest.approx(stock)


def test_scores_that_are_no_single_number_are_left_out() -> None:
    """As mmpretrain's of each class, with average=None."""
    given = {
        'a': 1,
        'b': np.float32(0.5),
        'c': torch.tensor(2.0),
        'classwise': [1.0, 2.0],
        'confusion': torch.zeros(2, 2),
        'text': '0.1 0.2',
    }
    assert full_precision(given) == {'a': 1.0, 'b': 0.5, 'c': 2.0}


def test_a_metric_with_scores_of_its_own_gets_no_others() -> None:
    class Other(CocoMetric):
        def compute_metrics(self, results: list[object]) -> dict[str, float]:
            return {'bbox_AP': 0.5}

    evaluator = Evaluator([])
    evaluator.metrics = [Other()]
    assert unrounded(evaluator).metrics[0].compute_metrics([]) == {'bbox_AP': 0.5}


def test_what_the_counter_says_is_the_whole_model(evaluator: SubnetEvaluator) -> None:
    counter = evaluator.counter((64, 96))
    for arch in archs(5):
        model = segmentor({'type': 'scalenas.ScaleHRNet', 'arch': arch.to_dict()})
        assert counter(arch)['params'] == sum(p.numel() for p in model.parameters())
        head = counter(arch) - count(arch.layers((64, 96)))
        assert head['macs'] == 16 * 24 * 120 * (120 + 4)


def test_decoded_batches_are_kept_or_read_again(cfg: Config) -> None:
    model = supernet()
    loader = build_loader(cfg, 'calibration_dataloader')
    kept = FixedBatches(loader, model.data_preprocessor)
    read = FixedBatches(loader, model.data_preprocessor, memory_limit=100_000)
    first = [batch['inputs'] for batch in kept]
    assert [len(batch) for batch in first] == [5, 5, 1]
    assert all(a is b['inputs'] for a, b in zip(first, kept, strict=True))
    for _ in range(2):
        assert all(torch.equal(a, b['inputs']) for a, b in zip(first, read, strict=True))
    assert read._kept is None


def test_random_transforms_give_the_same_images_and_touch_no_generator(
    cfg: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg.calibration_dataloader.dataset.pipeline.insert(
        2, {'type': 'RandomCrop', 'crop_size': (32, 32)}
    )
    loader = build_loader(cfg, 'calibration_dataloader')
    batches = FixedBatches(loader, supernet().data_preprocessor, memory_limit=0)
    before = _generators()
    seeded: list[int] = []  # a machine without GPUs has none to look at
    monkeypatch.setattr(torch.cuda, 'manual_seed_all', seeded.append)
    first = [batch['inputs'] for batch in batches]
    assert _generators() == before
    assert seeded == []
    assert all(torch.equal(a, b['inputs']) for a, b in zip(first, batches, strict=True))


def _generators() -> tuple[object, ...]:
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    return random.getstate(), state, torch.get_rng_state().tolist()


def test_searching_on_the_reported_images_is_not_silent(
    cfg: Config, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        'scalenas.evaluation.batches.print_log', lambda text, *a, **k: said.append(text)
    )
    del cfg._cfg_dict['val_dataloader']
    SubnetEvaluator.from_config(cfg, root / 'supernet.pth')
    assert not said
    cfg.search_dataloader = cfg.test_dataloader
    SubnetEvaluator.from_config(cfg, root / 'supernet.pth')
    assert len(said) == 1
    assert 'test_dataloader' in said[0]


@pytest.mark.parametrize('name', ['search_dataloader', 'calibration_dataloader'])
def test_a_missing_dataloader(cfg: Config, root: Path, name: str) -> None:
    del cfg._cfg_dict[name]
    with raises(EvaluationError, where=name, problem='is missing'):
        SubnetEvaluator.from_config(cfg, root / 'supernet.pth')


def test_a_missing_data_folder(cfg: Config, root: Path) -> None:
    cfg.search_dataloader.dataset.data_prefix.img_path = 'img/nowhere'
    with raises(DataError, where=contains('search_dataloader: ', 'img/nowhere')):
        SubnetEvaluator.from_config(cfg, root / 'supernet.pth')


def test_a_model_without_supernet(cfg: Config, root: Path) -> None:
    cfg.model.backbone = {'type': 'scalenas.ScaleHRNet', 'arch': SPACE.smallest().to_dict()}
    with raises(ConfigError, got=[], hint=contains('SuperScaleHRNet')):
        SubnetEvaluator.from_config(cfg, root / 'supernet.pth')


def test_a_checkpoint_of_other_keys_or_shapes(cfg: Config, tmp_path: Path) -> None:
    model = supernet()
    path = checkpoint(tmp_path / 'a.pth', nn.ModuleDict({'inner': model}))
    with raises(where=path, problem=contains('are missing')):
        SubnetEvaluator.from_config(cfg, path)
    model.decode_head.conv_seg = nn.Conv2d(120, 9, 1)
    path = checkpoint(tmp_path / 'b.pth', model)
    with raises(where=path, problem=contains("'decode_head.conv_seg.weight': (9, 120, 1, 1)")):
        SubnetEvaluator.from_config(cfg, path)


def test_a_checkpoint_of_another_space(cfg: Config, tmp_path: Path) -> None:
    other = HRSpace(**{**_arguments(SPACE), 'depth': (1, 2, 4)})
    path = checkpoint(tmp_path / 'a.pth', supernet(other), other)
    with raises(where=f'{path}: depth', got=[1, 2, 4]):
        SubnetEvaluator.from_config(cfg, path)


def test_an_arch_outside_the_space(evaluator: SubnetEvaluator) -> None:
    arch = SPACE.smallest().with_(stem=8)
    with pytest.raises(SpaceError):
        evaluator(arch)
    assert evaluator.model.backbone.active_arch == SPACE.largest()


def _arguments(space: HRSpace) -> dict[str, object]:
    return {k: v for k, v in space.to_dict().items() if k not in ('family', 'where')}


@given(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from([255, 0, 3]))
def test_areas_are_those_of_mmseg(seed: int, num_classes: int, ignore: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    found, truth = (torch.randint(0, 7, (9, 8), generator=rng) for _ in range(2))
    truth[:2] = 255
    ours = areas(found, truth, num_classes, ignore)
    theirs = IoUMetric.intersect_and_union(found, truth, num_classes, ignore)
    assert [a.tolist() for a in ours] == [a.tolist() for a in theirs]


def test_metrics_are_told_what_is_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What COCO's make of it: tests/coco."""
    told: list[tuple[object, int, str]] = []
    monkeypatch.setattr(
        'scalenas.evaluation.evaluator.fit_truth',
        lambda metrics, loader, where: told.append((metrics, len(loader.dataset), where)),
    )
    cfg = Config.fromfile(root / 'supernet.py')
    cfg.search_dataloader.dataset.indices = 2
    found = SubnetEvaluator.from_config(cfg, root / 'supernet.pth')
    assert told == [(found.evaluator.metrics, 2, 'search_evaluator')]
