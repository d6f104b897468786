"""Raw outputs of two-stage detectors, which have none of their own.

What their second stage sees depends on which boxes the first keeps, by a suppression that runs in
float32 only. Here the second stage sees boxes that are given.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from scalenas.errors import EvaluationError

_TWO_STAGE = 'mmdet.models.detectors.two_stage.TwoStageDetector'
_ROI_HEAD = 'mmdet.models.roi_heads.standard_roi_head.StandardRoIHead'


def outputs_of_all_heads(detector: Any, inputs: Tensor) -> Any:
    """What both stages of a detector give before thresholds and suppression.

    `inputs`: (N, C, H, W), preprocessed. The regions that a detector's second stage sees are a
    fixed grid of boxes, as many as it keeps of an image at most: `test_cfg.rpn.max_per_img` for
    boxes and `test_cfg.rcnn.max_per_img` for masks. On the meta device nothing is computed.
    """
    maps = detector.extract_feat(inputs)
    head, kept = detector.roi_head, detector.test_cfg
    regions = _pooled(head.bbox_roi_extractor, maps, _grid(kept.rpn.max_per_img, inputs))
    found = [maps, detector.rpn_head(maps), head.bbox_head(regions)]
    if head.with_mask:
        regions = _pooled(head.mask_roi_extractor, maps, _grid(kept.rcnn.max_per_img, inputs))
        found.append(head.mask_head(regions))
    return found


def two_stage(model: nn.Module) -> Any:
    """The two-stage detector that `model` is or wraps; None when there is none.

    Raises:
        EvaluationError: for a detector whose second stage is of another kind than mmdet's standard.
    """
    detector = next((m for m in model.modules() if _is_a(m, _TWO_STAGE)), None)
    head = getattr(detector, 'roi_head', None)
    if detector is not None and not (_is_a(head, _ROI_HEAD) and detector.with_rpn):
        raise EvaluationError(
            f'{type(detector).__name__} with a second stage of type {type(head).__name__}: only '
            "detectors with an RPN and a 'StandardRoIHead' can be counted and compared"
        )
    return detector


def _is_a(value: object, name: str) -> bool:
    # mmdet is not imported for models of other packages.
    return any(f'{base.__module__}.{base.__qualname__}' == name for base in type(value).__mro__)


def _grid(count: int, inputs: Tensor) -> Tensor:
    """(count, 5): image index 0, and boxes of several sizes all over the image."""
    height, width = inputs.shape[2:]
    steps = torch.arange(count, dtype=inputs.dtype, device=inputs.device)
    size = 0.1 + 0.8 * (steps * 0.6180339887 % 1)
    left, top = (steps * 0.7548776662 % 1) * (1 - size), (steps * 0.5698402910 % 1) * (1 - size)
    corners = (left * width, top * height, (left + size) * width, (top + size) * height)
    return torch.stack([torch.zeros_like(steps), *corners], dim=1)


def _pooled(extractor: Any, maps: Any, boxes: Tensor) -> Tensor:
    if boxes.is_meta:
        side = extractor.roi_layers[0].output_size
        return maps[0].new_empty(len(boxes), extractor.out_channels, *side)
    pooled: Tensor = extractor(maps[: extractor.num_inputs], boxes)
    return pooled
