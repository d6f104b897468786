"""Targets of HigherHRNet and the way back: heat maps at several scales, places of tags, people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np
from mmpose.codecs import AssociativeEmbedding
from mmpose.codecs.utils import generate_gaussian_heatmaps
from numpy.typing import NDArray


@final
class HigherAssociativeEmbedding(AssociativeEmbedding):
    """mmpose's codec with a heat map per scale to train on; people are decoded at input size.

    A joint lies in the cell that holds its pixel: cell i of stride s covers pixels s i to
    s i + s - 1, so a mirrored image has mirrored targets, and enlarged heat maps peak where the
    joint is. mmpose's own `encode` rounds to the nearest multiple of s instead, which those of its
    `decode` options that enlarge heat maps put (s - 1) / 2 pixels to the right.

    Args:
        input_size: width and height in pixels.
        heatmap_sizes: width and height of each scale, that of the tags first.
        sigma: of the Gaussian at every scale, in its own cells.
        decode: `decode_*` of mmpose's AssociativeEmbedding.

    Source: HigherHRNet (Cheng et al. 2020), section 3.3; Newell et al. 2017, section 3.2.
    """

    label_mapping_table: ClassVar[dict[str, str]] = {'keypoint_indices': 'keypoint_indices'}

    def __init__(
        self,
        input_size: tuple[int, int],
        heatmap_sizes: Sequence[tuple[int, int]],
        sigma: float = 2.0,
        **decode: Any,
    ) -> None:
        super().__init__(tuple(input_size), tuple(input_size), sigma, **decode)
        self.heatmap_sizes = [tuple(size) for size in heatmap_sizes]
        self._strides = [np.divide(self.input_size, size) for size in self.heatmap_sizes]

    def encode(
        self, keypoints: NDArray[Any], keypoints_visible: NDArray[Any] | None = None
    ) -> dict[str, Any]:
        """Joints (N, K, 2) in pixels and labels (N, K) -> `heatmaps` and `keypoint_indices`.

        `heatmaps` lists (K, H_s, W_s) per scale; `keypoint_indices` (N, K, 2) holds the flat
        position of the joint's tag, and 1 where the joint is labelled and inside the image.
        """
        if keypoints_visible is None:
            keypoints_visible = np.ones(keypoints.shape[:2], dtype=np.float32)
        places = keypoints + 0.5
        inside = ((places >= 0) & (places < self.input_size)).all(-1)
        labelled = keypoints_visible * inside
        # mmpose adds 0.5 and cuts off, which is floor for what is inside.
        cells = [places / stride - 0.5 for stride in self._strides]
        heatmaps = [
            generate_gaussian_heatmaps(size, cell, labelled, self.sigma)[0]
            for size, cell in zip(self.heatmap_sizes, cells, strict=True)
        ]
        indices = self._encode_keypoint_indices(self.heatmap_sizes[0], cells[0], labelled)
        return {'heatmaps': heatmaps, 'keypoint_indices': indices}
