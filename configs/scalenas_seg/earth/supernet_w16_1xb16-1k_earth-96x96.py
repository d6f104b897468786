# What: the supernet of the demo: one sub-net per iteration from nine groups, distilled from the
#   teacher (MSE on the logits, weight 1) and started from the teacher's weights.
# Source: ScaleNAS (Cheng et al. 2020), sections 3.3 and 3.4, shrunk to minutes on a CPU.
# Command: python tools/train.py configs/scalenas_seg/earth/supernet_w16_1xb16-1k_earth-96x96.py
# Needs: the teacher, see `init_from`.
# Expected and cost: see the table of the demo in README.md.
_base_ = './teacher_w16_1xb16-1k_earth-96x96.py'
model = dict(
    init_from=dict(
        checkpoint='work_dirs/teacher_w16_1xb16-1k_earth-96x96/iter_1000.pth',
        made_by='python tools/train.py configs/scalenas_seg/earth/teacher_w16_1xb16-1k_earth-96x96.py',
    ),
    sampler=dict(_delete_=True, type='grouped', seed=0),
    distillation=dict(tap='decode_head.conv_seg', weight=1.0, teacher='frozen', ignore_index=255),
)
# Started from a trained net, as in section 7.3 of the paper: a lower rate than the teacher's.
optim_wrapper = dict(optimizer=dict(lr=0.03))
find_unused_parameters = True
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
