# What: the W32 pose supernet on MPII, 256x256: one sub-net per iteration from nine groups,
#   distilled from the teacher (MSE on the heatmaps, joints weighted as in the task's loss, weight 1),
#   started from the teacher's weights.
# Source: ScaleNAS (Cheng et al. 2020), sections 3.3, 3.4 and 7.4 (no supernet of MPII there: P1 was found on COCO).
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/mpii/supernet_w32_8xb48-210e_mpii-256x256.py 8
# Needs: the teacher's checkpoint, see `init_from`.
# Expected: sub-nets of 13.632 to 46.840 M parameters and 5.364 to 13.660 Gi multiply-adds at 256x256,
#   head included (reproduced by the tests).
# Weights that a step does not use are not touched in it (inactive='skip').
_base_ = './teacher_w32_8xb48-210e_mpii-256x256.py'
model = dict(
    init_from=dict(
        checkpoint='work_dirs/teacher_w32_8xb48-210e_mpii-256x256/iter_12166.pth',
        made_by='tools/dist_train.sh configs/scalenas_pose/mpii/'
        'teacher_w32_8xb48-210e_mpii-256x256.py 8',
    ),
    sampler=dict(_delete_=True, type='grouped', seed=0),
    distillation=dict(tap='head.final_layer', weight=1.0, teacher='frozen', use_target_weight=True),
    inactive='skip',
)
# The rate is the teacher's: Adam adapts it (section 7.4).
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
