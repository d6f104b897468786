"""Outlines in all three forms of COCO, as masks."""

import numpy as np
import pytest
import xtcocotools.mask
from mmpose.datasets.transforms import BottomupGetHeatmapMask

from scalenas.pose import BottomupMask

CROWD = np.zeros((40, 64), np.uint8)
CROWD[8:30, 40:60] = 1
POLYGON = [[4, 4, 20, 4, 20, 30, 4, 30]]


def plain_runs():
    flat = CROWD.flatten('F').astype(int)
    ends = np.flatnonzero(np.diff(np.concatenate(([0], flat, [0]))))
    counts = np.diff(np.concatenate(([0], ends, [flat.size])))
    return {'size': [40, 64], 'counts': counts.tolist()}


def packed_runs(text):
    runs = xtcocotools.mask.encode(np.asfortranarray(CROWD))
    return {**runs, 'counts': runs['counts'].decode()} if text else runs


FORMS = [plain_runs(), packed_runs(True), packed_runs(False)]


@pytest.mark.parametrize('crowd', FORMS, ids=['numbers', 'text', 'bytes'])
def test_crowds_are_masked(crowd):
    before = {**crowd}
    for outlines in ([crowd], [crowd, POLYGON], [POLYGON, None, crowd]):
        done = BottomupMask().transform(
            {
                'invalid_segs': outlines,
                'img_shape': (40, 64),
                'input_size': (64, 40),
                'warp_mat': np.eye(2, 3),
                'heatmaps': [np.zeros((1, 40, 64)), np.zeros((1, 20, 32))],
            }
        )
        full, half = done['heatmap_mask']
        assert not full[CROWD > 0].any()
        assert not half[4:15, 20:30].any()
        assert full[32:].all()
        assert full[6:28, 6:18].any() != (POLYGON in outlines)
    assert crowd == before


def test_mmpose_passes_over_them():
    """If this fails, mmpose was mended and BottomupMask can go."""
    done = BottomupGetHeatmapMask().transform(
        {'invalid_segs': [plain_runs()], 'img_shape': (40, 64), 'input_size': (64, 40)}
    )
    assert done['heatmap_mask'].all()
