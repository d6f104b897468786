# What: the largest net of the space of the table benchmark: HRNet-style, width 8, on procedural scenes.
# Source: the teacher of ScaleNAS (Cheng et al. 2020), section 3.3, shrunk to a minute on one core.
# Command: python tools/train.py configs/scalenas_seg/scenes/teacher_w8_1xb16-600_scenes-64x64.py
# Needs: python tools/get_demo_data.py scenes64
# Expected and cost: docs/rank.md; `python benchmarks/hr_scenes.py` trains it with images in memory.
_base_ = [
    '../../_base_/models/super_fcn_earth.py',
    '../../_base_/datasets/scenes_64x64.py',
    '../../_base_/schedules/minutes_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
# 4,096 networks, few enough to evaluate them all. Three resolutions; branches of 1 or 4 blocks in
# stage 2, of 1 to 4 in the first module of stage 3; in its second module the finest branch has 1 or 4.
# Fusions: into the finest map, after the first block of a module of stage 3.
space = dict(
    width=8,
    num_modules=(1, 2),
    depth=(1, 2, 3, 4),
    stem=16,
    stage1_blocks=1,
    stage1_channels=8,
    where=[
        ['s2.*.depth', [1, 4]],
        ['s3.m1.b0.depth', [1, 4]],
        ['s3.m1.b[12].depth', [1]],
        ['*.t[123].*', [False]],
        ['s2.*<-*', [False]],
        ['s3.*.f[12]<-*', [False]],
        ['s3.m0.*.f0<-2', [False]],
    ],
)
model = dict(
    architecture=dict(
        data_preprocessor=dict(size=(64, 64)),
        backbone=dict(space=space, zero_init_residual=True),
        # It sees the finest map alone: what coarser ones know gets there by fusions.
        decode_head=dict(
            in_channels=[8],
            in_index=(0,),
            channels=32,
            num_classes=8,
            loss_decode=dict(class_weight={{_base_.class_weight}}),
        ),
    )
)
max_iters = 600
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=0.006, weight_decay=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=20, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=20, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=200))
