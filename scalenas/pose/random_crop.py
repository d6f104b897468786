"""Training pictures of bottom-up pose: rotated, scaled, moved and cut out in one warp."""

from __future__ import annotations

from typing import Any, final

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpose.structures.bbox import get_warp_matrix


@final
class BottomupRandomWarp(BaseTransform):
    """A random cut of the picture around its middle, in one affine warp.

    At scale 1 the short side of the picture fills the cut. All draws are uniform, as in the
    papers; mmpose's BottomupRandomAffine draws from a normal distribution, and moves by a share of
    the picture.

    Args:
        input_size: width and height of the cut in pixels.
        rotation: up to this many degrees both ways.
        scale: range of the part of the picture that is cut out, relative to its short side.
        translation: up to this many 200ths of the cut's short side, in each direction: 40 are
            102 pixels of a cut of 512, 128 of one of 640. The papers print "40" alone; their code
            has it in units of the scale, in which a picture is 200 long.

    Source: ScaleNAS (Cheng et al. 2020), section 7.5; HigherHRNet (Cheng et al. 2020), section 4.1
    and its released code.
    """

    def __init__(
        self,
        input_size: tuple[int, int],
        rotation: float = 30.0,
        scale: tuple[float, float] = (0.75, 1.5),
        translation: float = 40.0,
    ) -> None:
        self.input_size = tuple(input_size)
        self.rotation = rotation
        self.scale = tuple(scale)
        self.translation = translation

    @cache_randomness
    def _draw(self) -> tuple[float, float, np.ndarray]:
        # The generator of mmcv's transforms: mmengine seeds it in every worker.
        draw = np.random.uniform
        return (
            draw(-self.rotation, self.rotation),
            draw(self.scale[0], self.scale[1]),
            draw(-self.translation, self.translation, 2),
        )

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Warps `img`, `keypoints` (N, K, 2) and `bbox` (N, 4); adds `input_size`, `warp_mat`.

        `img_shape` stays that of the whole picture, for the mask, which is drawn at that size.
        """
        height, width = results['img_shape']
        rotation, scale, shift = self._draw()
        cut = np.array(self.input_size, dtype=np.float32)
        pixels = scale * min(np.array((width, height)) / cut)
        unit = pixels * min(self.input_size) / 200
        warp = get_warp_matrix(
            np.array((width / 2, height / 2)) + shift * unit,
            cut * pixels,
            rotation,
            output_size=self.input_size,
        )
        results['img'] = cv2.warpAffine(
            results['img'], warp, self.input_size, flags=cv2.INTER_LINEAR
        )
        if 'keypoints' in results:
            results['keypoints'] = cv2.transform(results['keypoints'], warp)
        if 'bbox' in results:
            results['bbox'] = _hull(cv2.transform(_corners(results['bbox']), warp))
        results['input_size'] = self.input_size
        results['warp_mat'] = warp
        return results


def _corners(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) as x1 y1 x2 y2 -> (N, 4, 2)."""
    return boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)


def _hull(corners: np.ndarray) -> np.ndarray:
    """(N, 4, 2) -> the upright box around them, (N, 4)."""
    return np.concatenate((corners.min(1), corners.max(1)), -1)
