"""Boxes of top-down training: HRNet's laws, against their formulas and against a literal draw."""

import math

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import TRANSFORMS, DefaultScope

from scalenas.paths import resource
from scalenas.pose import TopdownRandomBox
from tests.errors import raises

COUNT = 40_000
DATASETS = ('coco_topdown_256x192', 'coco_topdown_384x288', 'mpii_topdown_256x256')


def normal(x):
    return (1 + math.erf(x / 2**0.5)) / 2


def clipped_std(bound):
    """Standard deviation of a standard normal value that is clipped at +-bound."""
    density = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi)
    inside = 2 * normal(bound) - 1
    return math.sqrt(inside - 2 * bound * density + bound**2 * (1 - inside))


def drawn(transform, seed):
    np.random.seed(seed)  # noqa: NPY002  (mmcv seeds this one)
    done = transform.transform({'bbox_scale': np.ones((COUNT, 2), np.float32)})
    assert (done['bbox_scale'][:, 0] == done['bbox_scale'][:, 1]).all()
    return done['bbox_scale'][:, 0].astype(float), done['bbox_rotation'].astype(float)


@pytest.mark.parametrize('name', DATASETS)
@pytest.mark.parametrize('seed', [0, 1])
def test_the_law_of_the_recipes(name, seed):
    pipeline = Config.fromfile(resource(f'configs/_base_/datasets/{name}.py')).train_pipeline
    (step,) = [s for s in pipeline if s['type'] == 'scalenas.TopdownRandomBox']
    box = TopdownRandomBox(**{key: value for key, value in step.items() if key != 'type'})
    scales, angles = drawn(box, seed)
    # What mmpose's own law would give: 0.189 and 18.8.
    assert scales.std() == pytest.approx(0.35 * clipped_std(1), rel=0.02)
    assert 0.35 * clipped_std(1) == pytest.approx(0.251, abs=5e-4)
    assert angles.std() == pytest.approx(45 * math.sqrt(0.6) * clipped_std(2), rel=0.02)
    assert 45 * math.sqrt(0.6) * clipped_std(2) == pytest.approx(33.4, abs=0.1)
    assert (scales.min(), scales.max()) == pytest.approx((0.65, 1.35))
    assert (angles.min(), angles.max()) == (-90, 90)
    end = 4 * math.sqrt(0.25 / COUNT)
    for edge in (0.65, 1.35):
        assert np.isclose(scales, edge).mean() == pytest.approx(1 - normal(1), abs=end)
    for edge in (-90, 90):
        assert np.isclose(angles, edge).mean() == pytest.approx(0.6 * (1 - normal(2)), abs=end)
    assert (angles == 0).mean() == pytest.approx(0.4, abs=end)
    for x in (0.8, 1.0, 1.2):
        assert (scales <= x).mean() == pytest.approx(normal((x - 1) / 0.35), abs=end)
    for x in (-60, -30, 30, 60):
        wanted = 0.6 * normal(x / 45) + 0.4 * (x >= 0)
        assert (angles <= x).mean() == pytest.approx(wanted, abs=end)


def person(joints, seen):
    """A standing person of 17 joints, of which the `seen` ones have labels."""
    keypoints = np.zeros((1, 17, 2), np.float32)
    keypoints[0, :, 0] = np.linspace(20, 60, 17)
    keypoints[0, :, 1] = np.linspace(10, 190, 17)
    visible = np.zeros((1, 17), np.float32)
    visible[0, seen] = 1
    return {
        'keypoints': keypoints,
        'keypoints_visible': visible,
        'upper_body_ids': list(range(11)),
        'lower_body_ids': list(range(11, 17)),
        'bbox_center': np.array([[40.0, 100.0]], np.float32),
        'bbox_scale': np.array([[100.0, 200.0]], np.float32),
    }


def half_body():
    import mmpose.datasets  # noqa: F401

    pipeline = Config.fromfile(resource(f'configs/_base_/datasets/{DATASETS[0]}.py')).train_pipeline
    (step,) = [s for s in pipeline if s['type'] == 'RandomHalfBody']
    with DefaultScope.overwrite_default_scope('mmpose'):
        return TRANSFORMS.build(step)


def halves(seen, count=1000):
    """How often the upper half, the lower half, and the whole person are taken."""
    transform, found = half_body(), {'upper': 0, 'lower': 0, 'whole': 0}
    np.random.seed(0)  # noqa: NPY002  (mmcv seeds this one)
    keypoints = person(17, seen)['keypoints'][0]
    means = {
        name: keypoints[ids].mean(0)
        for name, part in (('upper', range(11)), ('lower', range(11, 17)))
        if len(ids := [i for i in part if i in seen])
    }
    for _ in range(count):
        done = transform.transform(person(17, seen))
        (name,) = [
            name
            for name, mean in {**means, 'whole': np.array([40.0, 100.0])}.items()
            if np.allclose(done['bbox_center'][0], mean, atol=1e-3)
        ][:1]
        found[name] += 1
    return {name: number / count for name, number in found.items()}


def test_half_bodies_of_more_than_eight_joints():
    """The release: 3 times in 10, the upper half where a standard normal value is below 0.5."""
    error = 4 * math.sqrt(0.25 / 1000)
    assert halves(list(range(8)))['whole'] == 1
    assert halves([*range(5), 11, 12, 13])['whole'] == 1  # eight
    shares = halves([*range(6), 11, 12, 13])  # nine
    assert shares['whole'] == pytest.approx(0.7, abs=error)
    assert shares['upper'] == pytest.approx(0.3 * normal(0.5), abs=error)
    shares = halves([*range(9), 11, 12])  # two below: the upper half, always
    assert shares['lower'] == 0
    assert shares['upper'] == pytest.approx(0.3, abs=error)
    shares = halves([0, 1, 2, *range(11, 17)])
    assert shares['lower'] == pytest.approx(0.3 * (1 - normal(0.5)), abs=error)
    assert half_body().upper_prioritized_prob == pytest.approx(normal(0.5), abs=1e-4)


def test_half_bodies_are_for_coco_alone():
    for name in DATASETS:
        pipeline = Config.fromfile(resource(f'configs/_base_/datasets/{name}.py')).train_pipeline
        kinds = [step['type'] for step in pipeline]
        assert ('RandomHalfBody' in kinds) == name.startswith('coco')
        assert 'RandomBBoxTransform' not in kinds
        assert kinds.index('scalenas.TopdownRandomBox') < kinds.index('TopdownAffine')


@pytest.mark.parametrize(
    'wrong', [{'scale': 1.5}, {'scale': '0.3'}, {'rotation': -1}, {'rotation_prob': 2}]
)
def test_ranges_that_are_none(wrong):
    ((name, value),) = wrong.items()
    with raises(where=f'TopdownRandomBox.{name}', got=value):
        TopdownRandomBox(**wrong)
