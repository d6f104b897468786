"""What the head of a config costs, where that is one of the heads that are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scalenas.arch import ClassificationHead, Head, HigherHead, PoseHead, RCNNHead, SegHead

HEADS = ('decode_head', 'head', 'bbox_head', 'rpn_head', 'roi_head')
"""Parts of a model that turn features into predictions, in the ecosystem's names."""

WEIGHTLESS = ('GlobalAveragePooling', 'FeatureDropout')
"""Necks that no cost counts."""


def head_of(task: Mapping[str, Any], channels: Sequence[int]) -> tuple[Head | None, str]:
    """The head of a task model over maps of these channels, None where unknown; and its name."""
    named = [(name, task[name]) for name in HEADS if isinstance(task.get(name), Mapping)]
    if not named:
        return None, 'no head'
    text = ', '.join(str(part.get('type', name)) for name, part in named)
    if {'rpn_head', 'roi_head'} == {name for name, _ in named}:
        return _detector(task, channels), text
    if len(named) > 1 or not _weightless(task.get('neck')):
        return None, text
    head = named[0][1]
    return _single(_kind(head), head, channels), text


def _kind(part: Any) -> str:
    """The type of a part without its scope."""
    kind = part.get('type', 'unknown') if isinstance(part, Mapping) else 'unknown'
    return str(kind).split('.')[-1]


def _weightless(neck: Any) -> bool:
    necks = neck if isinstance(neck, list | tuple) else [neck] if neck is not None else []
    return all(_kind(part) in WEIGHTLESS for part in necks)


def _single(kind: str, head: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
    """The counted head that this one is."""
    sees = head.get('in_channels')
    given = list(sees) if isinstance(sees, list | tuple) else [sees]
    if kind == 'FCNHead':
        one = head.get('num_convs', 2) == 1 and head.get('kernel_size', 3) == 1
        whole = given == list(channels) and head.get('channels') == sum(channels)
        joined = head.get('input_transform') == 'resize_concat'
        plain = not head.get('concat_input', True)
        if one and whole and joined and plain:
            return SegHead(head.get('num_classes', 0), conv_bias=False)
    if kind == 'LinearClsHead' and given == [channels[-1]]:
        return ClassificationHead(head.get('num_classes', 0))
    # It is as wide as its supernet's widest network, and reads what the asked one ends in.
    if kind == 'SuperLinearClsHead' and isinstance(sees, int) and sees >= channels[-1]:
        return ClassificationHead(head.get('num_classes', 0))
    if kind == 'HeatmapHead' and given == [channels[0]]:
        convs = [head.get(name) for name in ('deconv_out_channels', 'conv_out_channels')]
        final = head.get('final_layer', {'kernel_size': 1})
        if not any(convs) and 'deconv_out_channels' in head and final == {'kernel_size': 1}:
            return PoseHead(head.get('out_channels', 0))
    if kind == 'HigherHRNetHead' and given == [channels[0]]:
        blocks = head.get('num_blocks', 4)
        return HigherHead(head.get('num_keypoints', 0), head.get('channels'), blocks)
    return None


def _detector(task: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
    """Faster or Mask R-CNN as HRNet's recipes have it: other widths or parts are not counted."""
    neck, rpn, roi = task.get('neck'), task['rpn_head'], task['roi_head']
    if _kind(neck) != 'HRFPN' or not isinstance(neck, Mapping):
        return None
    width = neck.get('out_channels', 256)
    box, mask = roi.get('bbox_head'), roi.get('mask_head')
    ratios = (rpn.get('anchor_generator') or {}).get('ratios') or ()
    usual = (
        list(neck.get('in_channels', ())) == list(channels)
        and neck.get('num_outs', 5) == 5
        and (_kind(rpn), rpn.get('feat_channels', 256), len(ratios)) == ('RPNHead', width, 3)
        and _kind(roi) == 'StandardRoIHead'
        and _kind(box) == 'Shared2FCBBoxHead'
        and isinstance(box, Mapping)
        and (mask is None or (_kind(mask), mask.get('num_convs', 4)) == ('FCNMaskHead', 4))
    )
    if not usual:
        return None
    test = task.get('test_cfg') or {}
    return RCNNHead(
        box.get('num_classes', 80),
        mask is not None,
        width,
        (test.get('rpn') or {}).get('max_per_img', 1000),
        (test.get('rcnn') or {}).get('max_per_img', 100),
        box.get('fc_out_channels', 1024),
    )
