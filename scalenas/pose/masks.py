"""Where heat maps may not be judged: crowds, and people whose joints nobody labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import xtcocotools.mask
from mmpose.datasets.transforms import BottomupGetHeatmapMask
from numpy.typing import NDArray


@final
class BottomupMask(BottomupGetHeatmapMask):
    """BottomupGetHeatmapMask that sees crowds, too.

    COCO outlines crowds by run lengths, which mmpose 1.3.2 passes over. People who are annotated
    without any outline stay unmasked, as in mmpose.
    """

    def _segs_to_mask(self, segs: Sequence[Any], img_shape: tuple[int, int]) -> NDArray[Any]:
        """Polygons and run lengths -> (H, W), 1 inside any of them."""
        mask: NDArray[Any] = super()._segs_to_mask(segs, img_shape)
        for seg in segs:
            if isinstance(seg, Mapping):
                mask = mask | _decoded(seg)
        return mask


def _decoded(runs: Mapping[str, Any]) -> NDArray[Any]:
    """Run lengths, as numbers or in COCO's compressed text -> (H, W)."""
    if isinstance(runs['counts'], list):
        runs = xtcocotools.mask.frPyObjects(dict(runs), *runs['size'])
    mask: NDArray[Any] = xtcocotools.mask.decode(dict(runs))
    return mask
