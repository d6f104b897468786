# What: the W32 pose supernet on COCO, 384x288: one sub-net per iteration from nine groups,
#   distilled from the teacher (MSE on the heatmaps, joints weighted as in the task's loss, weight 1),
#   started from the teacher's weights.
# Source: ScaleNAS (Cheng et al. 2020), sections 3.3, 3.4 and 7.4.
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/coco/supernet_w32_8xb12-210e_coco-384x288.py 8
# Needs: the teacher's checkpoint, see `init_from`.
# Cost: about 50 hours on 8 V100 for teacher and supernet (paper).
# Expected: sub-nets of 13.632 to 46.840 M parameters and 9.052 to 23.052 Gi multiply-adds at 384x288,
#   head included (reproduced by the tests).
# Weights that a step does not use are not touched in it (inactive='skip').
_base_ = './teacher_w32_8xb12-210e_coco-384x288.py'
model = dict(
    init_from=dict(
        checkpoint='work_dirs/teacher_w32_8xb12-210e_coco-384x288/iter_327716.pth',
        made_by='tools/dist_train.sh configs/scalenas_pose/coco/'
        'teacher_w32_8xb12-210e_coco-384x288.py 8',
    ),
    sampler=dict(_delete_=True, type='grouped', seed=0),
    distillation=dict(tap='head.final_layer', weight=1.0, teacher='frozen', use_target_weight=True),
    inactive='skip',
)
# The rate is the teacher's: Adam adapts it (section 7.4).
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
