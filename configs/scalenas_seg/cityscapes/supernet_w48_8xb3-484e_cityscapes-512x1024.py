# What: the W48 supernet on Cityscapes: one sub-net per iteration from nine groups, distilled
#   from the teacher (MSE on the logits, weight 1), started from the teacher's weights.
# Source: ScaleNAS (Cheng et al. 2020), sections 3.3, 3.4 and 7.3.
# Command: tools/dist_train.sh \
#   configs/scalenas_seg/cityscapes/supernet_w48_8xb3-484e_cityscapes-512x1024.py 8
# Needs: the teacher's checkpoint, see `init_from`.
# Cost: about 60 hours on 8 V100 for teacher and supernet (paper).
# Expected: sub-nets of 30.584 to 106.995 M parameters and 390.83 to 996.20 Gi multiply-adds at
#   1024x2048 (reproduced by the tests); S3 to S4 come from it.
# Weights that a step does not use are not touched in it (inactive='skip').
_base_ = './teacher_w48_8xb3-484e_cityscapes-512x1024.py'
model = dict(
    init_from=dict(
        checkpoint='work_dirs/teacher_w48_8xb3-484e_cityscapes-512x1024/iter_59996.pth',
        made_by='tools/dist_train.sh configs/scalenas_seg/cityscapes/'
        'teacher_w48_8xb3-484e_cityscapes-512x1024.py 8',
    ),
    sampler=dict(_delete_=True, type='grouped', seed=0),
    distillation=dict(tap='decode_head.conv_seg', weight=1.0, teacher='frozen', ignore_index=255),
    inactive='skip',
)
# The paper found 0.001 best of 0.005, 0.002 and 0.001 (section 7.8).
optim_wrapper = dict(optimizer=dict(lr=0.001))
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
find_unused_parameters = True
