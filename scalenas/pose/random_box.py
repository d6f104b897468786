"""Training pictures of top-down pose: the box of a person, scaled and rotated as HRNet does."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

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
    def _draw(self, count: int) -> tuple[np.ndarray, np.ndarray]:
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
