"""The packages' own inference, as their users call it: functions and inferencers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from scalenas.registry import MODELS

Answers = Mapping[str, list[np.ndarray]]
"""Who was asked -> the arrays of its answer for one image; all are the same network's."""


def answers(config: Path, weights: Path, picture: Path, out: Path) -> Answers:
    """What every function and inferencer of the config's package says of an image.

    Each is given the image as a file and as an array, and draws into `out`.
    """
    cfg = Config.fromfile(config)
    ask: dict[str, Callable[..., Answers]] = {
        'mmseg': _mmseg,
        'mmdet': _mmdet,
        'mmpose': _bottomup if 'Bottomup' in cfg.model.type else _topdown,
        'mmpretrain': _mmpretrain,
    }
    # As in a program of one's own, where no scope was chosen before.
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return ask[cfg.default_scope](str(config), str(weights), str(picture), str(out))


def random_weights(config: Path, path: Path) -> Path:
    """A checkpoint of random weights as training leaves one: with what its images mean."""
    cfg = Config.fromfile(config)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model: Any = MODELS.build(cfg.model)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    torch.save({'meta': {}, 'state_dict': state}, path)
    return path


def agree(found: Answers) -> None:
    """Pass when all say the same, and something."""
    first, *others = found.items()
    assert others
    assert first[1]
    for name, arrays in others:
        assert len(arrays) == len(first[1]), f'{name}, {first[0]}'
        for one, other in zip(arrays, first[1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=name)


def _mmseg(config: str, weights: str, picture: str, out: str) -> Answers:
    from mmseg.apis import MMSegInferencer, inference_model, init_model

    found = {}
    for kind, given in (('file', picture), ('array', cv2.imread(picture))):
        model = init_model(config, weights, 'cpu')
        found[f'inference_model, {kind}'] = [inference_model(model, given).pred_sem_seg.data[0]]
        both = inference_model(model, [given, given])
        found[f'inference_model, two, {kind}'] = [both[1].pred_sem_seg.data[0]]
        infer = MMSegInferencer(config, weights, device='cpu', show_progress=False)
        result = infer(given, out_dir=out)
        found[f'MMSegInferencer, {kind}'] = [result['predictions']]
    return {name: [np.asarray(array) for array in arrays] for name, arrays in found.items()}


def _mmdet(config: str, weights: str, picture: str, out: str) -> Answers:
    from mmdet.apis import DetInferencer, inference_detector, init_detector

    found = {}
    model = init_detector(config, weights, device='cpu')
    infer = DetInferencer(config, weights, device='cpu', show_progress=False)
    for kind, given in (('file', picture), ('array', cv2.imread(picture))):
        boxes = inference_detector(model, given).pred_instances
        found[f'inference_detector, {kind}'] = [boxes.bboxes, boxes.scores, boxes.labels]
        # Of an array it cannot name a file of its own.
        (one,) = infer(given, out_dir=out, no_save_pred=kind == 'array')['predictions']
        boxes = [np.reshape(one['bboxes'], (-1, 4)), one['scores'], one['labels']]
        found[f'DetInferencer, {kind}'] = boxes
    return {name: [np.asarray(array) for array in arrays] for name, arrays in found.items()}


def _topdown(config: str, weights: str, picture: str, out: str) -> Answers:
    from mmpose.apis import inference_topdown, init_model

    model = init_model(config, weights, 'cpu')
    array = cv2.imread(picture)
    height, width = array.shape[:2]
    found = {
        'inference_topdown, file': inference_topdown(model, picture)[0],
        'inference_topdown, array': inference_topdown(model, array, [[0, 0, width, height]])[0],
    }
    return {
        **{name: _joints(sample.pred_instances) for name, sample in found.items()},
        **_pose_inferencers(config, weights, picture, out),
    }


def _bottomup(config: str, weights: str, picture: str, out: str) -> Answers:
    from mmpose.apis import inference_bottomup, init_model

    model = init_model(config, weights, 'cpu')
    found = {
        'inference_bottomup, file': inference_bottomup(model, picture)[0],
        'inference_bottomup, array': inference_bottomup(model, cv2.imread(picture))[0],
    }
    return {
        **{name: _joints(sample.pred_instances) for name, sample in found.items()},
        **_pose_inferencers(config, weights, picture, out),
    }


def _joints(instances: Any) -> list[np.ndarray]:
    return [np.asarray(instances.keypoints), np.asarray(instances.keypoint_scores)]


def _pose_inferencers(config: str, weights: str, picture: str, out: str) -> Answers:
    from mmpose.apis import MMPoseInferencer, Pose2DInferencer

    found = {}
    # Of MPII mmpose knows no such style.
    coco = Config.fromfile(config).dataset_type == 'CocoDataset'
    for kind in (MMPoseInferencer, Pose2DInferencer):
        # Without a detector of its own, which it would download.
        infer = kind(config, weights, device='cpu', det_model='whole_image')
        for name, given in (('file', picture), ('array', cv2.imread(picture))):
            style = 'openpose' if coco else 'mmpose'
            shown = infer(given, draw_bbox=True, skeleton_style=style, out_dir=out)
            (people,) = next(shown)['predictions']
            joints = [
                np.asarray([person[key] for person in people])
                for key in ('keypoints', 'keypoint_scores')
            ]
            found[f'{kind.__name__}, {name}'] = joints
    return found


def _mmpretrain(config: str, weights: str, picture: str, out: str) -> Answers:
    """Without its `inference_model`, which takes models of its own zoo only."""
    from mmpretrain.apis import ImageClassificationInferencer, get_model

    model = get_model(config, pretrained=weights, device='cpu')
    found = {}
    for kind, given in (('file', picture), ('array', cv2.imread(picture))):
        for who, infer in (
            ('of a model', ImageClassificationInferencer(model)),
            ('of a config', ImageClassificationInferencer(config, weights, device='cpu')),
        ):
            (one,) = infer(given, show_dir=out)
            found[f'ImageClassificationInferencer {who}, {kind}'] = [one['pred_scores']]
    return found
