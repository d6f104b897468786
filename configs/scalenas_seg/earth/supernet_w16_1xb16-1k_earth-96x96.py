# What: the supernet of the demo: one sub-net per iteration from nine groups, started from the
#   teacher's weights and trained with labels, at the teacher's learning rate.
# Source: ScaleNAS (Cheng et al. 2020), section 3.4, without its distillation (section 3.3), shrunk
#   to minutes on a CPU.
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
)
# The paper distills from the teacher, at a lower rate than the teacher's: after so few iterations
# that costs scores (docs/demos.md, docs/rank.md). To distill, as the paper does:
# distillation=dict(tap='decode_head.conv_seg', weight=1.0, teacher='frozen', ignore_index=255)
find_unused_parameters = True
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
