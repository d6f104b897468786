"""Training cuts: ranges as in the papers, and joints that stay on what they mark."""

import numpy as np
import pytest

from scalenas.pose import BottomupRandomWarp


def picture(height, width, joints):
    """Bright discs on black where the joints are."""
    image = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for x, y in joints:
        image[(columns - x) ** 2 + (rows - y) ** 2 <= 16] = 255
    return image


def results(height=90, width=140, joints=((70, 45), (50, 30), (95, 60))):
    joints = np.array([joints], np.float32)
    return {
        'img': picture(height, width, joints[0]),
        'img_shape': (height, width),
        'keypoints': joints,
        'bbox': np.array([[50, 30, 95, 60]], np.float32),
    }


def test_joints_stay_on_what_they_mark():
    np.random.seed(0)  # noqa: NPY002  (mmcv seeds this one)
    warp = BottomupRandomWarp((96, 96))
    inside = 0
    for _ in range(20):
        done = warp.transform(results())
        assert done['img'].shape == (96, 96, 3)
        for x, y in done['keypoints'][0]:
            if 0 <= x < 95.5 and 0 <= y < 95.5:
                assert done['img'][round(float(y)), round(float(x)), 0] == 255
                inside += 1
        x0, y0, x1, y1 = done['bbox'][0]
        (low_x, low_y), (high_x, high_y) = done['keypoints'][0].min(0), done['keypoints'][0].max(0)
        assert x0 <= low_x + 1e-3 <= high_x <= x1 + 1e-3
        assert y0 <= low_y + 1e-3 <= high_y <= y1 + 1e-3
    assert inside > 20


def test_without_ranges_the_short_side_fills_the_cut():
    warp = BottomupRandomWarp((96, 96), rotation=0, scale=(1, 1), translation=0)
    done = warp.transform(results(height=48, width=80, joints=[(40, 24), (16, 0), (64, 48)]))
    assert np.allclose(done['keypoints'][0], [(48, 48), (0, 0), (96, 96)], atol=1e-3)
    assert done['img_shape'] == (48, 80)  # BottomupGetHeatmapMask draws the mask at this size
    assert done['input_size'] == (96, 96)


@pytest.mark.parametrize('seed', [0, 1])
def test_ranges(seed):
    """Drawn uniformly: rotation, share of the short side, and shift in 200ths of the cut."""
    np.random.seed(seed)  # noqa: NPY002  (mmcv seeds this one)
    warp = BottomupRandomWarp((96, 96))
    most = 96 * 40 / 200
    middle = np.array([70.0, 45.0])
    angles, scales, shifts = [], [], []
    for _ in range(400):
        done = warp.transform(results())
        matrix = done['warp_mat']
        angles.append(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
        scales.append(96 / 90 / np.hypot(matrix[0, 0], matrix[1, 0]))
        moved = matrix[:, :2] @ middle + matrix[:, 2] - 48
        turn = np.radians(-angles[-1])
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shifts.append(rotation @ moved)
    for values, low, high in ((angles, -30, 30), (scales, 0.75, 1.5), (shifts, -most, most)):
        assert np.min(values) >= low - 1e-3
        assert np.max(values) <= high + 1e-3
        # Uniform: a quarter of the draws in each quarter of the range.
        shares = np.histogram(values, 4, (low, high))[0] / np.size(values)
        assert shares == pytest.approx([0.25] * 4, abs=0.08)


@pytest.mark.parametrize(('side', 'pixels'), [(512, 102.4), (640, 128.0)])
def test_forty_units_of_higher_hrnet(side, pixels):
    """Its center moves by up to 40 x scale pixels of the image; the cut shows 200 x scale."""
    np.random.seed(0)  # noqa: NPY002  (mmcv seeds this one)
    warp = BottomupRandomWarp((side, side), rotation=0, scale=(1, 1), translation=40)
    moved = []
    for _ in range(60):
        matrix = warp.transform({'img': np.zeros((9, 14, 3), np.uint8), 'img_shape': (9, 14)})
        matrix = matrix['warp_mat']
        moved.append(matrix[:, :2] @ (7.0, 4.5) + matrix[:, 2] - side / 2)
    assert 0.9 * pixels < np.max(np.abs(moved)) <= pixels + 1e-3


def test_it_is_seeded_as_all_transforms_are():
    done = []
    for _ in range(2):
        np.random.seed(3)  # noqa: NPY002  (mmcv seeds this one)
        done.append(BottomupRandomWarp((96, 96)).transform(results())['warp_mat'])
    assert np.array_equal(*done)
