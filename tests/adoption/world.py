"""Stock configs of the task packages, made tiny: what their users inherit, change and train."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from tests.coco.world import boxes, draw, poses, write
from tests.evaluation.world import write_pictures
from tests.processes import run_tool


def _stage(branches: int, block: str = 'BASIC') -> str:
    channels = tuple(8 * 2**i for i in range(branches))
    return (
        f'stage{branches}=dict(num_modules=1, num_branches={branches}, block={block!r}, '
        f'num_blocks={(1,) * branches}, num_channels={channels})'
    )


STAGES = f'dict({_stage(1, "BOTTLENECK")}, {_stage(2)}, {_stage(3)}, {_stage(4)})'
"""HRNet of width 8, with one module of one block in each stage."""

SEGMENTATION = f"""
_base_ = 'mmseg::hrnet/fcn_hr18s_4xb4-20k_voc12aug-512x512.py'
own = dict(
    type='BaseSegDataset',
    data_root='data',
    img_suffix='.png',
    metainfo=dict(classes=('ground', 'field', 'road', 'roof')),
)
load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
alone = dict(num_workers=0, persistent_workers=False)
train = dict(img_path='img/train', seg_map_path='ann/train')
val = dict(img_path='img/val', seg_map_path='ann/val')
pipeline = [*load, dict(type='RandomFlip', prob=0.5), dict(type='PackSegInputs')]
test_pipeline = [*load, dict(type='PackSegInputs')]
train_dataloader = dict(
    batch_size=4,
    dataset=dict(_delete_=True, data_prefix=train, pipeline=pipeline, **own),
    **alone,
)
val_dataloader = dict(
    dataset=dict(_delete_=True, data_prefix=val, pipeline=test_pipeline, **own), **alone
)
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(extra={STAGES}),
    decode_head=dict(in_channels=[8, 16, 32, 64], channels=120, num_classes=4),
)
"""


def segmentation(folder: Path, images: int = 10) -> Path:
    """mine.py of mmseg in `folder`, and its data below."""
    write_pictures(folder / 'data', {'train': images, 'val': 3})
    (folder / 'mine.py').write_text(SEGMENTATION)
    return folder / 'mine.py'


class Forked:
    """What a chain starts, in a fork of a process that has imported it all; over at once."""

    started: ClassVar[list[str]] = []

    def __init__(self, command: list[str], **_: object) -> None:
        self.started.append(Path(command[1]).parent.parent.name + '/' + Path(command[1]).name)
        done = run_tool(Path(command[1]), *command[2:], cwd=Path.cwd(), warm=True)
        print(done.stdout[-3000:], done.stderr[-3000:])
        self._code = done.returncode

    def wait(self) -> int:
        return self._code


CLASSIFICATION = f"""
_base_ = 'mmpretrain::hrnet/hrnet-w18_4xb32_in1k.py'
load = dict(type='LoadImageFromFile')
pipeline = [load, dict(type='RandomResizedCrop', scale=32), dict(type='PackInputs')]
test_pipeline = [load, dict(type='CenterCrop', crop_size=32), dict(type='PackInputs')]
train_dataloader = dict(batch_size=4, num_workers=0, dataset=dict(pipeline=pipeline))
val_dataloader = dict(num_workers=0, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
model = dict(
    backbone=dict(arch={STAGES.replace('dict(', 'dict(_delete_=True, ', 1)}),
    neck=[
        dict(type='HRFuseScales', in_channels=(8, 16, 32, 64), out_channels=64),
        dict(type='GlobalAveragePooling'),
    ],
    head=dict(in_channels=64),
)
"""

POSE = f"""
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py'
codec = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)
cut = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(48, 64)),
]
pipeline = [*cut, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')]
alone = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=pipeline), **alone)
val_dataloader = dict(dataset=dict(pipeline=[*cut, dict(type='PackPoseInputs')]), **alone)
test_dataloader = val_dataloader
model = dict(
    backbone=dict(extra={STAGES}, init_cfg=None), head=dict(in_channels=8, decoder=codec)
)
"""

DETECTION = f"""
_base_ = 'mmdet::hrnet/fcos_hrnetv2p-w32-gn-head_4xb4-1x_coco.py'
load = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(128, 128), keep_ratio=True)]
objects = dict(type='LoadAnnotations', with_bbox=True)
packed = dict(type='PackDetInputs')
about = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
pack = dict(type='PackDetInputs', meta_keys=about)
alone = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    batch_size=2, dataset=dict(pipeline=[load[0], objects, load[1], packed]), **alone
)
val_dataloader = dict(dataset=dict(pipeline=[*load, objects, pack]), **alone)
test_dataloader = val_dataloader
norm = dict(type='GN', num_groups=4, requires_grad=True)
model = dict(
    backbone=dict(extra={STAGES}, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1, norm_cfg=norm),
    test_cfg=dict(score_thr=0.0),  # else a detector of two iterations finds nothing
)
"""


def classification(folder: Path) -> None:
    """mine.py of mmpretrain, and folders of three classes."""
    rng = np.random.default_rng(0)
    for split, images in (('train', 5), ('val', 2)):
        for c, name in enumerate(('cat', 'dog', 'emu')):
            (folder / 'data' / split / name).mkdir(parents=True)
            for n in range(images):
                pixels = rng.integers(0, 60, (40, 40, 3), dtype=np.uint8)
                pixels[..., c] += 120
                Image.fromarray(pixels).save(folder / f'data/{split}/{name}/{n}.png')
    (folder / 'mine.py').write_text(CLASSIFICATION)


JOINTS = ['tip', 'left_leaf', 'right_leaf', 'left_root', 'right_root']


def pose(folder: Path) -> None:
    """mine.py of mmpose, and COCO files of five joints."""
    data = poses()
    for row in data['annotations']:
        row.update(keypoints=row['keypoints'][:15], num_keypoints=5)
    data['categories'] = [{'id': 1, 'name': 'plant', 'keypoints': JOINTS, 'skeleton': [[1, 2]]}]
    _annotated(folder, data)
    (folder / 'mine.py').write_text(POSE)


def detection(folder: Path) -> None:
    """mine.py of mmdet, a detector of one stage, and COCO files of two classes."""
    _annotated(folder, boxes())
    (folder / 'mine.py').write_text(DETECTION)


def _annotated(folder: Path, data: dict[str, Any]) -> None:
    draw(folder / 'data')
    numbers = sorted(image['id'] for image in data['images'])
    for name, ids in (('train', numbers[:4]), ('val', numbers[4:])):
        images = [image for image in data['images'] if image['id'] in ids]
        rows = [row for row in data['annotations'] if row['image_id'] in ids]
        part = {**data, 'images': images, 'annotations': rows}
        write(folder / 'data', part, f'{name}.json')
