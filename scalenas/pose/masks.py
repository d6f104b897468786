"""Where heat maps may not be judged: crowds, and people whose joints nobody labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import xtcocotools.mask
from mmpose.datasets.transforms import BottomupGetHeatmapMask


@final
class BottomupMask(BottomupGetHeatmapMask):
    """BottomupGetHeatmapMask that sees crowds, too.

    COCO outlines crowds by run lengths, which mmpose 1.3.2 passes over. People who are annotated
    without any outline stay unmasked, as in mmpose.
    """

    def _segs_to_mask(self, segs: Sequence[Any], img_shape: tuple[int, int]) -> np.ndarray:
        """Polygons and run lengths -> (H, W), 1 inside any of them."""
        mask: np.ndarray = super()._segs_to_mask(segs, img_shape)
        for seg in segs:
            if isinstance(seg, Mapping):
                mask = mask | _decoded(seg)
        return mask


def _decoded(runs: Mapping[str, Any]) -> np.ndarray:
    """Run lengths, as numbers or in COCO's compressed text -> (H, W)."""
    if isinstance(runs['counts'], list):
        runs = xtcocotools.mask.frPyObjects(dict(runs), *runs['size'])
    mask: np.ndarray = xtcocotools.mask.decode(dict(runs))
    return mask
