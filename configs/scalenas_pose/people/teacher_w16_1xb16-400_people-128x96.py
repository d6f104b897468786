# What: the largest net of a small HRNet-style space, on human poses in video frames.
# Source: the teacher of ScaleNAS (Cheng et al. 2020), section 3.3, shrunk to minutes on a CPU.
# Command: python tools/train.py configs/scalenas_pose/people/teacher_w16_1xb16-400_people-128x96.py
# Needs: python tools/get_demo_data.py people
# Expected and cost: see docs/demos.md.
_base_ = [
    '../../_base_/models/super_heatmap_people.py',
    '../../_base_/datasets/people_128x96.py',
    '../../_base_/schedules/minutes_cosine.py',
    '../../_base_/default_runtime_pose.py',
]
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.0001),
    clip_grad=dict(max_norm=10.0),
)
max_iters = 400
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=50, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=200))
