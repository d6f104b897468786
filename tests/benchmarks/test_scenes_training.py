"""The studies' own trainings and scores: as mmseg has them, and the same after a stop."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.evaluation.metrics import IoUMetric

from projects.demo_data.demo import make_scenes
from projects.demo_data.scenes import SMALL
from scalenas.registry import MODELS
from scalenas.sampling import SAMPLERS

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs/scalenas_seg/scenes'


@pytest.fixture(scope='module')
def training():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'benchmarks'))
        import scenes_training

        scenes_training.quiet()
        yield scenes_training
        sys.modules.pop('scenes_training')


@pytest.fixture(scope='module')
def images(training, tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'scenes64'
    make_scenes(root, (20, 4, 4), recipe=SMALL)
    return root


def alone(iterations: int) -> Config:
    cfg = Config.fromfile(next(CONFIGS.glob('alone_*.py')))
    cfg.train_cfg.max_iters = iterations
    cfg.train_dataloader.batch_size = 4
    return cfg


def test_a_score_is_that_of_mmseg(training, images) -> None:
    model = training.built(alone(1), 0).eval()
    split = training.Images.read(images, 'validation')
    shown = split.prepared(model)
    truth = split.labels.clone()
    truth[:, :9] = 255
    metric = IoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = {'classes': tuple('abcdefgh')}
    with torch.no_grad():
        found = model(shown.pixels, training.samples(truth), mode='predict')
    metric.process({}, [sample.to_dict() for sample in found])
    expected = metric.evaluate(4)['mIoU']
    assert expected > 0
    assert training.mean_iou(model, shown.pixels, truth) == pytest.approx(expected, abs=0.005)


def test_the_score_of_background_alone(training) -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.long)
    labels[0, 0] = torch.arange(4)
    assert training.trivial_score(labels, 8) == pytest.approx(100 * 13 / 16 / 4)


def test_a_training_goes_on_as_if_it_never_stopped(training, images, tmp_path, monkeypatch) -> None:
    split = training.Images.read(images, 'training')
    whole = training.Training(alone(6), 1).run(split).state_dict()
    state = tmp_path / 'state'

    def killed(self, iteration, *rest):
        keep(self, iteration, *rest)
        if iteration == 4:
            raise KeyboardInterrupt

    keep = training.Training._keep
    monkeypatch.setattr(training.Training, '_keep', killed)
    with pytest.raises(KeyboardInterrupt):
        training.Training(alone(6), 1, state, keep_every=0.0).run(split)
    monkeypatch.setattr(training.Training, '_keep', keep)
    after = training.Training(alone(6), 1, state, keep_every=0.0).run(split).state_dict()
    assert all(torch.equal(whole[key], after[key]) for key in whole)
    other = training.Training(alone(6), 2).run(split).state_dict()
    assert not torch.equal(whole['backbone.conv1.weight'], other['backbone.conv1.weight'])


def test_a_batch_follows_from_seed_and_iteration_and_an_epoch_has_every_image(
    training, images
) -> None:
    split = training.Images.read(images, 'training')
    assert split.pixels.shape == (20, 3, 64, 64)
    seen = [split.batch(4, 0, iteration) for iteration in range(5)]
    x, y = split.batch(4, 0, 3)
    assert torch.equal(x, seen[3][0])
    assert torch.equal(y, seen[3][1])
    sums = sorted(int(one.sum()) for x, _ in seen for one in x.long())
    assert sums == sorted(int(one.sum()) for one in split.pixels.long())


def test_networks_that_are_one_function_give_the_same_maps(training) -> None:
    import hr_scenes as study

    try:
        of = study.space()
        archs = study.networks(of)
        same = study.functions(of, archs)
        assert len(archs) == len(set(archs)) == of.size() == 4096
        assert len(set(same)) == 1584
        assert study.order(sorted(set(same)))[:2] == [0, 4095]
        supernet = training.built(Config.fromfile(study.TEACHER), 0).eval()
        x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        for norm in supernet.modules():  # blocks start as the identity
            if isinstance(norm, torch.nn.BatchNorm2d):
                torch.nn.init.ones_(norm.weight)
        changed = 0
        for slot in [*range(5, 4096, 311), 4095]:
            maps = []
            for arch in (archs[slot], archs[same[slot]]):
                with supernet.active(arch), torch.no_grad():
                    maps.append(supernet.backbone(x)[0])
            assert torch.equal(*maps)
            changed += same[slot] != slot
        assert changed >= 3
        assert study.spread([5, 1, 3, 2, 4], 3) == [1, 2, 0]
    finally:
        sys.modules.pop('hr_scenes')


def test_lines_of_a_study_outlive_a_kill(training, tmp_path) -> None:
    import hr_scenes as study

    try:
        file = tmp_path / 'rows.csv'
        assert study.read_rows(file) == []
        study.appended(file, {'slot': 1, 'mIoU': 0.1 + 0.2})
        file.write_text(file.read_text() + '2,3')
        assert study.read_rows(file) == [{'slot': '1', 'mIoU': repr(0.1 + 0.2)}]
        study.appended(file, {'slot': 4, 'mIoU': 1.0})
        assert [row['slot'] for row in study.read_rows(file)] == ['1', '4']
        with study.claimed(tmp_path / 'c/1') as mine, study.claimed(tmp_path / 'c/1') as again:
            assert (mine, again) == (True, False)
        with study.claimed(tmp_path / 'c/1') as mine:
            assert mine
    finally:
        sys.modules.pop('hr_scenes')


def test_every_variant_of_the_supernet_is_what_its_name_says(training, tmp_path) -> None:
    import supernets as study

    try:
        found = study.variants()
        assert len({one.name for one in found}) == len(found) == 21
        for one in found:
            cfg = Config.fromfile(study.SUPERNET)
            cfg.merge_from_dict(study.changes(one, tmp_path / 'teacher.pth', 7))
            with DefaultScope.overwrite_default_scope(cfg.default_scope):
                model = MODELS.build(cfg.model)
            kind = 'grouped' if one.sampler == 'released' else one.sampler
            assert type(model.sampler) is SAMPLERS[kind]
            assert model.sampler.seed == 7
            steps, nets = cfg.train_cfg.max_iters, len(model.sampler.archs(0))
            assert steps * nets == 1200
            assert cfg.param_scheduler[-1].end == steps
            assert (model.distillation is not None) == one.distilled
            assert model.distillation is None or model.distillation.weight == one.weight
            assert (model.start is not None) == one.started
            assert cfg.optim_wrapper.optimizer.lr == pytest.approx(0.006 * one.rate)
    finally:
        for name in ('supernets', 'hr_scenes'):
            sys.modules.pop(name, None)
