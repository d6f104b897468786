"""Several scales of one image: they lie on each other, and reach the head one by one."""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from scalenas.pose import PackPyramid, PyramidPoseEstimator, PyramidPreprocessor, PyramidResize
from tests.errors import raises

from .world import small_arch


def results(height, width):
    rows, columns = np.mgrid[:height, :width]
    img = np.stack([columns / width, rows / height, np.ones_like(rows)], -1) * 255
    return {
        'img': img.astype(np.float32),
        'ori_shape': (height, width),
        'id': [1, 2],
        'img_id': 7,
        'category_id': np.ones(2),
        'flip_indices': [0, 2, 1],
    }


@pytest.mark.parametrize('shape', [(64, 64), (100, 64), (64, 151), (333, 500)])
@pytest.mark.parametrize('scales', [(0.5, 2.0), (0.5,), (2.0,)])
def test_all_scales_show_the_same_part(shape, scales):
    done = PyramidResize((128, 128), scales).transform(results(*shape))
    base, *others = done['img']
    assert base.shape[:2] == done['img_shape'] == done['input_size'][::-1]
    assert min(base.shape[:2]) == 128
    assert all(side % 64 == 0 for img in done['img'] for side in img.shape[:2])
    first = torch.from_numpy(base).permute(2, 0, 1)[None]
    for scale, img in zip(scales, others, strict=True):
        assert img.shape[:2] == tuple(int(side * scale) for side in base.shape[:2])
        again = torch.from_numpy(img).permute(2, 0, 1)[None]
        again = torch.nn.functional.interpolate(again, first.shape[2:], mode='bilinear')
        # The ramps of both meet, but at the border of what is padded.
        inside = (first[0, 2] > 254.9) & (again[0, 2] > 254.9)
        assert inside.float().mean() > 0.5
        off = (first - again)[0, :2, inside].abs()
        assert off.max() < 255 * 2.5 / 64


def test_mmposes_own_resize_does_not_align_them():
    """If this fails, mmpose was mended and PyramidResize can go."""
    from mmpose.datasets.transforms import BottomupResize

    own = BottomupResize((128, 128), [0.5], size_factor=64, resize_mode='expand')
    base, half = own.transform(results(64, 82))['img']
    assert base.shape[1] / base.shape[0] != half.shape[1] / half.shape[0]


def test_one_scale_is_as_in_mmpose():
    from mmpose.datasets.transforms import BottomupResize

    own = BottomupResize((128, 128), size_factor=64, resize_mode='expand')
    ours, theirs = PyramidResize((128, 128)), own
    for shape in ((64, 64), (100, 64), (333, 500)):
        a, b = ours.transform(results(*shape)), theirs.transform(results(*shape))
        assert np.array_equal(a['img'], b['img'])
        assert np.array_equal(a['input_scale'], b['input_scale'])


def batch(scales, num=2, shape=(64, 100)):
    steps = [PyramidResize((64, 64), scales, size_factor=32), PackPyramid()]
    packed = []
    for _ in range(num):
        found = results(*shape)
        for step in steps:
            found = step.transform(found)
        packed.append(found)
    return pseudo_collate(packed)


def test_a_pyramid_becomes_a_tensor_per_scale():
    mean, std = [10.0, 20.0, 30.0], [2.0, 3.0, 4.0]
    data = batch((0.5, 2.0))
    done = PyramidPreprocessor(mean=mean, std=std).forward(data)
    assert [tuple(x.shape) for x in done['inputs']] == [
        (2, 3, 64, 128),
        (2, 3, 32, 64),
        (2, 3, 128, 256),
    ]
    for scale, tensor in enumerate(done['inputs']):
        raw = data['inputs'][scale][1]
        wanted = (raw - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        assert torch.allclose(tensor[1], wanted)
    sample = done['data_samples'][0]
    assert sample.aug_scales == [0.5, 2.0]
    assert sample.batch_input_shape == sample.img_shape == (64, 128)
    assert 'category_id' not in sample  # CocoMetric would give all of them to each person


def test_one_scale_goes_mmposes_way():
    done = PyramidPreprocessor(mean=[0.0] * 3, std=[1.0] * 3).forward(batch(None))
    assert done['inputs'].shape == (2, 3, 64, 128)


@pytest.mark.parametrize('scales', [None, (0.5,)])
def test_pipeline_and_model_must_agree(scales):
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = PyramidPoseEstimator(
            backbone={'type': 'scalenas.ScaleHRNet', 'arch': small_arch(6).to_dict()},
            head={'type': 'scalenas.HigherHRNetHead', 'in_channels': 6, 'num_keypoints': 17},
            test_cfg={'multiscale_test': scales is None},
        )
    data = PyramidPreprocessor(mean=[0.0] * 3, std=[1.0] * 3).forward(batch(scales, 1))
    with raises(where='model.test_cfg.multiscale_test', got=scales is None):
        model(**data, mode='predict')
