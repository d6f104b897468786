# What: one network of the table benchmark trained alone; give it with
#   --cfg-options model.backbone.arch=FILE. As it stands here it is the smallest of the space.
# Source: the schedule of the teacher next to it.
# Command: python tools/train.py configs/scalenas_seg/scenes/alone_w8_1xb16-600_scenes-64x64.py
# Needs: python tools/get_demo_data.py scenes64
# Expected and cost: docs/rank.md; `python benchmarks/hr_scenes.py` trains 24 of them, two seeds each.
_base_ = [
    '../../_base_/models/scale_fcn_cityscapes.py',
    '../../_base_/datasets/scenes_64x64.py',
    '../../_base_/schedules/minutes_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
norm_cfg = dict(type='BN', requires_grad=True)
arch = dict(
    family='hrnet',
    stem=16,
    stage1_blocks=1,
    stage1_channels=8,
    stages=[
        dict(channels=[8, 16], modules=[dict(depths=[1, 1], fusions=[[]])]),
        dict(channels=[8, 16, 32], modules=[dict(depths=[1, 1, 1], fusions=[[]])] * 2),
    ],
)
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(
        _delete_=True,
        type='scalenas.ScaleHRNet',
        arch=arch,
        norm_cfg=norm_cfg,
        zero_init_residual=True,
    ),
    decode_head=dict(
        in_channels=[8],
        in_index=(0,),
        channels=32,
        num_classes=8,
        norm_cfg=norm_cfg,
        loss_decode=dict(
            _delete_=True, type='CrossEntropyLoss', class_weight={{_base_.class_weight}}
        ),
    ),
)
max_iters = 600
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=0.006, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=20, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=20, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(_delete_=True, type='ValLoop')
test_cfg = dict(_delete_=True, type='TestLoop')
custom_hooks = [dict(type='scalenas.InvalidLossHook')]
