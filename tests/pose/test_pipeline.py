"""From a COCO file through the shipped pipeline to targets, masks and CocoMetric."""

import json

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope

from scalenas.registry import MODELS
from scalenas.space import from_dict as space_from_dict
from scalenas.training.launch import build_runner

from .world import REPO, make_people, small_config, write

SIDE = 64
CROWD = (40, 8, 60, 30)
UNLABELLED = (4, 36, 20, 60)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Two images of people, of which the first also has a crowd and somebody without joints."""
    root = tmp_path_factory.mktemp('pipeline') / 'data'
    make_people(root, num=2, side=SIDE)
    content = json.loads((root / 'people.json').read_text())
    inside = np.zeros((SIDE, SIDE), np.uint8)
    x0, y0, x1, y1 = CROWD
    inside[y0:y1, x0:x1] = 1
    runs = np.flatnonzero(np.diff(np.concatenate(([0], inside.flatten('F'), [0]))))
    counts = np.diff(np.concatenate(([0], runs, [SIDE * SIDE]))).tolist()
    rest = {'image_id': 1, 'category_id': 1, 'num_keypoints': 0, 'keypoints': [0] * 51}
    x2, y2, x3, y3 = UNLABELLED
    others = [
        {
            **rest,
            'id': 90,
            'iscrowd': 1,
            'bbox': [x0, y0, x1 - x0, y1 - y0],
            'area': 400,
            'segmentation': {'size': [SIDE, SIDE], 'counts': counts},
        },
        {
            **rest,
            'id': 91,
            'iscrowd': 0,
            'bbox': [x2, y2, x3 - x2, y3 - y2],
            'area': 400,
            'segmentation': [[x2, y2, x3, y2, x3, y3, x2, y3]],
        },
    ]
    images = [*content['images'], {**content['images'][0], 'id': 3}]  # 3: nobody is annotated
    write(root, images, [*content['annotations'], *others])
    return root


def dataset(cfg, loader='train_dataloader'):
    with DefaultScope.overwrite_default_scope('mmpose'):
        return DATASETS.build(cfg[loader].dataset)


@pytest.fixture
def cfg(world, tmp_path):
    return small_config(world, tmp_path, SIDE)


def test_targets_are_where_the_joints_are(cfg):
    data = dataset(cfg)
    assert len(data) == 2  # the image without people has nothing to learn from
    packed = data[0]
    sample, marked = packed['data_samples'], data.get_data_info(0)
    labelled = marked['keypoints_visible'] > 0
    assert sample.gt_instance_labels.keypoint_indices.shape == (len(labelled), 17, 2)
    assert sample.gt_instance_labels.keypoint_indices[..., 1].numpy().tolist() == labelled.tolist()
    for level, stride in ((0, 4), (1, 2)):
        maps = sample.gt_fields[level].heatmaps
        assert maps.shape == (17, SIDE // stride, SIDE // stride)
        for person, seen in zip(marked['keypoints'], labelled, strict=True):
            for k in np.flatnonzero(seen):
                x, y = np.floor((person[k] + 0.5) / stride).astype(int)
                assert maps[k, y, x] == 1


def test_crowds_and_unlabelled_people_are_masked(cfg):
    sample = dataset(cfg)[0]['data_samples']
    for level, stride in ((0, 4), (1, 2)):
        mask = sample.gt_fields[level].heatmap_mask.reshape(SIDE // stride, SIDE // stride)
        for x0, y0, x1, y1 in (CROWD, UNLABELLED):
            inner = mask[-(-y0 // stride) : y1 // stride, -(-x0 // stride) : x1 // stride]
            assert not inner.any()
        assert mask.float().mean() > 0.6
    free = dataset(cfg)[1]['data_samples']
    assert all(free.gt_fields[level].heatmap_mask.all() for level in (0, 1))


def test_masked_places_teach_nothing(cfg):
    """Through dataset, pipeline, preprocessor and head: no gradient at what is masked."""
    data = dataset(cfg)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(cfg.model)
    batch = model.data_preprocessor(pseudo_collate([data[0], data[1]]), True)
    outputs = model.head(model.extract_feat(batch['inputs']))
    outputs = [x.detach().requires_grad_() for x in outputs]
    model.head.forward = lambda feats: outputs
    losses = model(**batch, mode='loss')
    sum(losses.values()).backward()
    x0, y0, x1, y1 = CROWD
    fine = outputs[1].grad
    assert (fine[0, :, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] == 0).all()
    assert (fine[1] != 0).float().mean() > 0.99
    coarse = outputs[0].grad
    assert (coarse[0, :17, y0 // 4 : y1 // 4, x0 // 4 : x1 // 4] == 0).all()
    # Tags learn at joints only.
    places = batch['data_samples'][1].gt_instance_labels.keypoint_indices
    taught = {divmod(int(i), SIDE // 4) for i, seen in places.reshape(-1, 2) if seen}
    assert {(y, x) for _, y, x in coarse[1, 17:].nonzero().tolist()} <= taught


def test_mirrored_in_training_is_mirrored_in_targets(cfg):
    plain = dataset(cfg)[1]
    for step in cfg.train_dataloader.dataset.pipeline:
        if step.type == 'RandomFlip':
            step.prob = 1.0
    turned = dataset(cfg)[1]
    assert torch.equal(turned['inputs'], plain['inputs'].flip(-1))
    flip = plain['data_samples'].flip_indices
    for level in (0, 1):
        maps, back = (p['data_samples'].gt_fields[level].heatmaps for p in (plain, turned))
        assert torch.equal(back, maps.flip(-1)[flip])


def test_a_net_that_finds_nobody_scores_zero(cfg):
    cfg.model.head.decoder.decode_keypoint_thr = 1e9
    cfg.model.backbone.init_cfg = None
    found = build_runner(cfg, ('test_dataloader',)).test()
    assert found['coco/AP'] == 0


def test_the_recipe_of_the_paper():
    """Section 7.5; batches are not printed there."""
    from mmengine.config import Config

    folder = REPO / 'configs/scalenas_pose/coco_bottomup'
    for path in folder.glob('*.py'):
        cfg = Config.fromfile(path)
        batch = 8 * cfg.train_dataloader.batch_size
        assert batch == cfg.auto_scale_lr.base_batch_size
        (schedule,) = cfg.param_scheduler
        epochs = [n * batch / 64115 for n in (*schedule.milestones, cfg.train_cfg.max_iters)]
        assert epochs == pytest.approx([200, 260, 300], abs=0.01)
        assert (cfg.optim_wrapper.optimizer.type, cfg.optim_wrapper.optimizer.lr) == ('Adam', 0.001)
        assert schedule.gamma == 0.1
        warp = cfg.train_dataloader.dataset.pipeline[1]
        assert (warp.rotation, warp.scale, warp.translation) == (30, (0.75, 1.5), 40)
        side = 640 if '640x640' in path.name else 512
        assert warp.input_size == (side, side) == cfg.model.head.decoder.input_size
        assert cfg.model.head.tag_loss.loss_weight == 0.001
        start = cfg.model.backbone.get('init_cfg')
        assert ('scalenas' in path.stem) == (start is not None)
        if start:
            made = Config.fromfile(REPO / start.made_by.split()[-1])
            work = f'work_dirs/{start.made_by.split("/")[-1].removesuffix(".py")}'
            assert start.checkpoint == f'{work}/iter_{made.train_cfg.max_iters}.pth'
            space = space_from_dict(made.model.architecture.backbone.space)
            assert space.width == cfg.model.head.in_channels
