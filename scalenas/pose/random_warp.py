"""Random warps of training images: boxes of top-down pose, and crops of bottom-up pose."""

from __future__ import annotations

from typing import Any, final

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpose.structures.bbox import get_warp_matrix
from numpy.typing import NDArray

from scalenas.arch.strict import as_fraction, as_number


@final
class TopdownRandomBox(BaseTransform):
    """Scales each box by clip(N(1, s), 1 - s, 1 + s), rotates it by clip(N(0, r), -2r, 2r).

    The normal distributions are clipped: 32 % of all scales are one of the two ends. mmpose's
    RandomBBoxTransform cuts both off at one standard deviation and draws again, which gives much
    narrower ones: with s = 0.35 and r = 45 standard deviations of 0.189 and 18.8 degrees, not of
    0.251 and 33.4.

    Args:
        scale: s, as a share of the box.
        rotation: r in degrees.
        rotation_prob: how often a box is rotated at all.

    Source: the released code of HRNet (Sun et al. 2019), which ScaleNAS follows (section 7.4).

    Raises:
        UserError: for a scale that is not between 0 and 1, or a rotation that is no number.
    """

    def __init__(
        self, scale: float = 0.35, rotation: float = 45.0, rotation_prob: float = 0.6
    ) -> None:
        self.scale = as_fraction(scale, 'TopdownRandomBox.scale')
        self.rotation = as_number(rotation, 'TopdownRandomBox.rotation')
        self.rotation_prob = as_fraction(rotation_prob, 'TopdownRandomBox.rotation_prob')

    @cache_randomness
    def _draw(self, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        # The generator of mmcv's transforms: mmengine seeds it in every worker.
        s, r = self.scale, self.rotation
        normal, uniform = np.random.standard_normal, np.random.random_sample
        scale = np.clip(1.0 + s * normal((count, 1)), 1.0 - s, 1.0 + s)
        rotation = np.clip(r * normal(count), -2 * r, 2 * r)
        rotated = uniform(count) <= self.rotation_prob
        return scale.astype(np.float32), np.where(rotated, rotation, 0.0).astype(np.float32)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Changes `bbox_scale` (N, 2), adds `bbox_rotation` (N,)."""
        scale, rotation = self._draw(len(results['bbox_scale']))
        results['bbox_scale'] = results['bbox_scale'] * scale
        results['bbox_rotation'] = rotation
        return results


@final
class BottomupRandomWarp(BaseTransform):
    """A random cut of the image around its middle, in one affine warp.

    At scale 1 the short side of the image fills the cut. All draws are uniform, as in the
    papers; mmpose's BottomupRandomAffine draws from a normal distribution, and moves by a share of
    the image.

    Args:
        input_size: width and height of the cut in pixels.
        rotation: up to this many degrees both ways.
        scale: range of the part of the image that is cut out, relative to its short side.
        translation: up to this many 200ths of the cut's short side, in each direction: 40 are
            102 pixels of a cut of 512, 128 of one of 640. The papers print "40" alone; their code
            has it in units of the scale, in which an image is 200 long.

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
    def _draw(self) -> tuple[float, float, NDArray[Any]]:
        # The generator of mmcv's transforms: mmengine seeds it in every worker.
        draw = np.random.uniform
        return (
            draw(-self.rotation, self.rotation),
            draw(self.scale[0], self.scale[1]),
            draw(-self.translation, self.translation, 2),
        )

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Warps `img`, `keypoints` (N, K, 2) and `bbox` (N, 4); adds `input_size`, `warp_mat`.

        `img_shape` stays that of the whole image, for the mask, which is drawn at that size.
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


def _corners(boxes: NDArray[Any]) -> NDArray[Any]:
    """(N, 4) as x1 y1 x2 y2 -> (N, 4, 2)."""
    return boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)


def _hull(corners: NDArray[Any]) -> NDArray[Any]:
    """(N, 4, 2) -> the upright box around them, (N, 4)."""
    return np.concatenate((corners.min(1), corners.max(1)), -1)
