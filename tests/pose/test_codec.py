"""Targets of several scales and the way back: places of joints, and who they belong to."""

import numpy as np
import pytest
import torch
from mmpose.codecs import AssociativeEmbedding
from mmpose.models.utils.tta import aggregate_heatmaps

from scalenas.pose import HigherAssociativeEmbedding

SIDE, K = 128, 17
ORDER = [0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16]


def codec(**more):
    sizes = [(SIDE // 4, SIDE // 4), (SIDE // 2, SIDE // 2)]
    return HigherAssociativeEmbedding(
        (SIDE, SIDE), sizes, decode_keypoint_order=ORDER, decode_topk=30, **more
    )


def tag_map(indices, tags, size):
    """(K, H, W): everywhere the tag of the nearest person, and of the right one at each joint."""
    rows, columns = np.mgrid[:size, :size]
    places, owners = [(0, 0)], [tags[0]]
    for person, tag in zip(indices, tags, strict=True):
        seen = [divmod(int(place), size) for place, label in person if label]
        places, owners = places + seen, owners + [tag] * len(seen)
    away = [(rows - y) ** 2 + (columns - x) ** 2 for y, x in places]
    found = np.repeat(np.asarray(owners, np.float32)[np.argmin(away, 0)][None], K, 0)
    for person, tag in zip(indices, tags, strict=True):
        for k, (place, label) in enumerate(person):
            if label:
                y, x = divmod(int(place), size)
                found[k, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = tag
    return found


def decoded(made, encoded, tags):
    """People from perfect predictions: both scales enlarged and averaged, as the head does."""
    maps = [torch.from_numpy(m)[None] for m in encoded['heatmaps']]
    small = torch.from_numpy(tag_map(encoded['keypoint_indices'], tags, SIDE // 4))[None]
    size = (SIDE, SIDE)
    heatmaps = aggregate_heatmaps(maps, size)
    tags = torch.nn.functional.interpolate(small, size=size[::-1], mode='nearest')
    keypoints, scores, people = made.batch_decode(heatmaps, tags)
    return keypoints[0], scores[0], people[0]


def crowd(rng, num, margin=12):
    """People whose equal joints are at least 14 pixels apart, one column for each."""
    columns = margin + np.arange(num) * (SIDE - 2 * margin) / max(1, num - 1)
    joints = rng.uniform(margin, SIDE - margin, (num, K, 2))
    joints[..., 0] = columns[:, None] + rng.uniform(-1, 1, (num, K))
    return joints.astype(np.float32)


def nearest(found, wanted):
    """For each wanted person the found one that is nearest, and how far each joint is off."""
    off = np.linalg.norm(found[None] - wanted[:, None], axis=-1)  # wanted, found, joint
    which = off.mean(-1).argmin(1)
    return which, off[np.arange(len(wanted)), which]


@pytest.mark.parametrize('num', [1, 2, 5])
def test_decode_of_encode_is_where_the_joints_were(num):
    rng = np.random.default_rng(num)
    made, wanted = codec(), crowd(rng, num)
    found, scores, _ = decoded(made, made.encode(wanted), 3.0 * np.arange(num))
    assert found.shape == wanted.shape
    which, off = nearest(found, wanted)
    assert sorted(which) == list(range(num))
    # Half a cell of the finer scale and the quarter of a pixel of the refinement, both ways.
    assert off.max() <= np.sqrt(2) * 1.26
    assert (scores > 0.5).all()


def test_the_middle_of_a_cell_comes_back():
    made = codec()
    wanted = np.floor(crowd(np.random.default_rng(0), 1) / 4) * 4 + 1.5
    found, _, _ = decoded(made, made.encode(wanted), [0.0])
    # The next cell of the finer scale is a pixel away, and pulls by the refinement's quarter.
    assert np.abs(found - wanted).max() <= 0.75


def test_there_is_no_bias_where_mmposes_targets_have_one():
    made = codec()
    joints = np.full((1, K, 2), 40, np.float32)
    joints[0, :16] = (59.625 + np.arange(16) / 4)[:, None]  # evenly over a cell

    def bias(encoded):
        found, _, _ = decoded(made, encoded, [0.0])
        return (found - joints)[0, :16].mean(0)

    assert np.abs(bias(made.encode(joints))).max() < 0.1
    sizes = [(SIDE // 4,) * 2, (SIDE // 2,) * 2]
    theirs = [AssociativeEmbedding((SIDE, SIDE), size, 2).encode(joints) for size in sizes]
    indices = theirs[0]['keypoint_indices']
    both = {'heatmaps': [t['heatmaps'] for t in theirs], 'keypoint_indices': indices}
    assert bias(both).min() > 0.5


def test_a_mirrored_picture_has_mirrored_targets():
    rng = np.random.default_rng(0)
    joints = crowd(rng, 3)
    mirrored = joints.copy()
    mirrored[..., 0] = SIDE - 1 - mirrored[..., 0]
    made = codec()
    plain, turned = made.encode(joints), made.encode(mirrored)
    for a, b in zip(plain['heatmaps'], turned['heatmaps'], strict=True):
        assert np.array_equal(a[..., ::-1], b)
    at, back = plain['keypoint_indices'][..., 0], turned['keypoint_indices'][..., 0]
    width = SIDE // 4
    assert np.array_equal(at // width, back // width)
    assert np.array_equal(width - 1 - at % width, back % width)


@pytest.mark.parametrize(
    ('place', 'cells', 'seen'),
    [
        ((0, 0), [(0, 0), (0, 0)], 1),
        ((3, 4), [(0, 1), (1, 2)], 1),
        ((3.6, 4.4), [(1, 1), (2, 2)], 1),  # the pixel that holds it is (4, 4)
        ((127, 127), [(31, 31), (63, 63)], 1),
        ((-0.6, 5), None, 0),
        ((5, 127.6), None, 0),
        ((-300, 900), None, 0),
    ],
)
def test_cells_by_hand(place, cells, seen):
    joints = np.full((1, K, 2), 60, np.float32)
    joints[0, 4] = place
    encoded = codec().encode(joints)
    index, label = encoded['keypoint_indices'][0, 4]
    assert label == seen
    for level, maps in enumerate(encoded['heatmaps']):
        assert maps[4].max() == seen
        if cells:
            y, x = np.unravel_index(maps[4].argmax(), maps[4].shape)
            assert (x, y) == cells[level]
    if cells:
        assert divmod(int(index), SIDE // 4) == cells[0][::-1]


def test_joints_without_label_are_in_no_target():
    joints = crowd(np.random.default_rng(0), 1)
    labels = np.ones((1, K), np.float32)
    labels[0, 3] = 0
    encoded = codec().encode(joints, labels)
    assert encoded['keypoint_indices'][0, :, 1].tolist() == labels[0].astype(int).tolist()
    assert all((m[3] == 0).all() and (m[4] > 0).any() for m in encoded['heatmaps'])


def test_a_gaussian_has_its_sigma_in_cells_of_its_scale():
    joints = np.full((1, K, 2), 64, np.float32)
    for maps in codec(sigma=2).encode(joints)['heatmaps']:
        y, x = np.unravel_index(maps[0].argmax(), maps[0].shape)
        assert maps[0][y, x + 2] == pytest.approx(np.exp(-0.5), rel=1e-6)


def test_crossing_people_are_told_apart_by_their_tags():
    """Same joints 10 pixels apart, in turns left and right: position alone would mix them."""
    rng = np.random.default_rng(1)
    wanted = np.repeat(rng.uniform(20, SIDE - 20, (1, K, 2)), 2, 0).astype(np.float32)
    wanted[0, ::2, 0] += 10
    wanted[1, 1::2, 0] += 10
    made = codec()
    found, _, _ = decoded(made, made.encode(wanted), [0.0, 2.5])
    assert len(found) == 2
    _, off = nearest(found, wanted)
    assert off.max() <= np.sqrt(2) * 1.26


def test_missing_joints_leave_people_apart_and_are_filled_by_tag():
    rng = np.random.default_rng(2)
    wanted = crowd(rng, 3)
    labels = np.ones((3, K), np.float32)
    labels[0, :5] = 0  # no head
    labels[1, 5:] = 0  # a head only
    labels[2, [7, 13]] = 0
    made = codec()
    found, scores, people = decoded(made, made.encode(wanted, labels), [0.0, 3.0, 6.0])
    assert len(found) == 3
    off = np.linalg.norm(found[None] - wanted[:, None], axis=-1)
    seen = labels.astype(bool)
    which = [np.mean(off[n][:, seen[n]], 1).argmin() for n in range(3)]
    assert sorted(which) == [0, 1, 2]
    for n, at in enumerate(which):
        assert off[n, at][seen[n]].max() <= np.sqrt(2) * 1.26
        assert (scores[at][seen[n]] > 0.5).all()
        assert (scores[at][~seen[n]] < 0.5).all()
        # A person's score is the mean over all joints, those not found counting nothing.
        assert people[at] == pytest.approx(scores[at][seen[n]].sum() / K, rel=0.05)


def test_more_people_than_asked_for_are_cut_off():
    made = codec(decode_max_instances=2)
    wanted = crowd(np.random.default_rng(0), 4)
    found, _, _ = decoded(made, made.encode(wanted), 3.0 * np.arange(4))
    assert len(found) == 2


def test_nobody():
    made = codec()
    joints, labels = np.zeros((1, K, 2), np.float32), np.zeros((1, K), np.float32)
    found, scores, people = decoded(made, made.encode(joints, labels), [0.0])
    assert found.shape == (0, K, 2)
    assert scores.shape == (0, K)
    assert len(people) == 0
