"""A net of seconds learns eight images of two or three people by heart; then how it is tested."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from scalenas.training.launch import build_runner

from .world import make_people, small_config

pytestmark = pytest.mark.slow
STEPS, SIDE = 360, 128


@pytest.fixture(scope='module')
def world(tmp_path_factory) -> Path:
    """Images in `data`, and weights in `work`: the shipped recipe on them, in small.

    Tags start near zero, where push has no slope, and part from each other only after thousands of
    steps. Here they get a start: equal for all joints of a place and away from zero, and a factor
    of 0.01 instead of 0.001. Images are mirrored at random, nothing else.
    """
    root = tmp_path_factory.mktemp('overfit')
    make_people(root / 'data', side=SIDE)
    cfg = config(root, 'work')
    cfg.model.head.tag_loss.loss_weight = 0.01
    cfg.optim_wrapper.optimizer.lr = 0.003
    cfg.param_scheduler[0].milestones = [int(0.75 * STEPS)]
    cfg.train_cfg.update(max_iters=STEPS, val_interval=STEPS)
    (flip,) = [step for step in cfg.train_dataloader.dataset.pipeline if step.type == 'RandomFlip']
    flip.prob = 0.5
    runner = build_runner(cfg, ('train_dataloader', 'val_dataloader'))
    runner.model.init_weights()  # later calls change nothing
    tags = runner.model.head.final_layers[0].weight[17:]
    with torch.no_grad():
        start = torch.randn(1, *tags.shape[1:], generator=torch.Generator().manual_seed(0))
        tags.copy_(0.1 * start.expand_as(tags))
    runner.train()
    return root


def config(root, name):
    cfg = small_config(root / 'data', root / name, SIDE)
    cfg.load_from = str(root / 'work' / f'iter_{STEPS}.pth') if name != 'work' else None
    return cfg


def scores(cfg):
    return build_runner(cfg, ('test_dataloader',)).test()


def predictor(cfg):
    """The trained model and its first test image, as the loop gives it."""
    runner = build_runner(cfg, ('test_dataloader',))
    runner.load_or_resume()
    return runner.model.eval(), next(iter(runner.test_dataloader))


def people(model, batch):
    with torch.no_grad(), DefaultScope.overwrite_default_scope('mmpose'):
        return model.test_step(batch)[0].pred_instances


def test_it_finds_the_people_that_it_has_seen(world):
    found = scores(config(world, 'flip'))
    assert found['coco/AP'] > 0.9
    cfg = config(world, 'plain')
    cfg.model.test_cfg.flip_test = False
    assert scores(cfg)['coco/AP'] > 0.85


def test_two_other_scales_are_added_and_it_still_finds_them(world):
    """Half and double size were not trained, so this says that maps meet, not that it helps."""
    cfg = config(world, 'scales')
    cfg.model.test_cfg.multiscale_test = True
    (resize,) = [s for s in cfg.test_dataloader.dataset.pipeline if 'Pyramid' in s.type][:1]
    resize.aug_scales = [0.5, 1.5]
    assert scores(cfg)['coco/AP .5'] > 0.9


def test_a_mirrored_picture_has_mirrored_people(world):
    model, batch = predictor(config(world, 'mirror'))
    (picture,) = batch['inputs']
    flip = batch['data_samples'][0].flip_indices
    plain = people(model, batch)
    mirrored = people(model, {**batch, 'inputs': [picture.flip(-1)]})
    good = plain.bbox_scores > 0.3
    assert good.sum() >= 2
    turned = mirrored.keypoints[:, flip].copy()
    turned[..., 0] = SIDE - 1 - turned[..., 0]
    for n in np.flatnonzero(good):
        off = np.abs(turned - plain.keypoints[n]).max(2)
        at = off.mean(1).argmin()
        # Of equal pixels mmpose takes the first, and its last quarter of a pixel is left out in one
        # column more on the left than on the right: a pixel, where that decides.
        assert np.median(off[at]) < 1e-2
        assert off[at].max() <= 1.01
        assert mirrored.keypoint_scores[at][flip] == pytest.approx(
            plain.keypoint_scores[n], abs=0.01
        )


def test_a_scale_of_one_changes_nothing(world):
    """The pyramid of an image with itself is the image."""
    model, batch = predictor(config(world, 'once'))
    cfg = config(world, 'twice')
    cfg.model.test_cfg.multiscale_test = True
    for step in cfg.test_dataloader.dataset.pipeline:
        if step.type == 'scalenas.PyramidResize':
            step.aug_scales = [1.0]
    again, pyramid = predictor(cfg)
    one, two = people(model, batch), people(again, pyramid)
    assert np.allclose(one.keypoints, two.keypoints, atol=1e-3)
    assert np.allclose(one.keypoint_scores, two.keypoint_scores, atol=1e-4)


def test_mmposes_visualizer_draws_them(world):
    cfg = config(world, 'drawn')
    cfg.default_hooks.visualization.update(enable=True, out_dir='pictures')
    cfg.model.test_cfg.output_heatmaps = True
    scores(cfg)
    assert len(list((world / 'drawn').glob('*/pictures/*.png'))) == 8
