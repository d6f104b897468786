# What: the supernet of the pose demo: one sub-net per iteration from nine groups, distilled from the
#   teacher (MSE on the heatmaps, of labelled joints alone) and started from the teacher's weights,
#   at the teacher's learning rate.
# Source: ScaleNAS (Cheng et al. 2020), sections 3.3 and 3.4, shrunk to minutes on a CPU.
# Command: python tools/train.py configs/scalenas_pose/people/supernet_w16_1xb16-500_people-128x96.py
# Needs: the teacher, see `init_from`.
# Expected and cost: see docs/demos.md.
_base_ = './teacher_w16_1xb16-400_people-128x96.py'
model = dict(
    init_from=dict(
        checkpoint='work_dirs/teacher_w16_1xb16-400_people-128x96/iter_400.pth',
        made_by='python tools/train.py configs/scalenas_pose/people/teacher_w16_1xb16-400_people-128x96.py',
    ),
    sampler=dict(_delete_=True, type='grouped', seed=0),
    # The heatmaps are logits here, of a spread of several units: the weight brings their squared
    # differences to the size of the task's loss.
    distillation=dict(tap='head.final_layer', weight=0.1, teacher='frozen', use_target_weight=True),
)
max_iters = 500
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=50, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
