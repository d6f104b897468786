# What: the supernet of the demo trained as a single-stage model: the largest, the smallest and two
#   random nets in every step, labels for the largest alone, its soft predictions for the others.
#   No teacher is trained before. Every rule of BigNAS is one line below; what stands in the comment
#   beside it is the line without the rule.
# Source: BigNAS (Yu et al. 2020), section 3.1, for the space of ScaleNAS, shrunk to minutes on a CPU.
# Command: python tools/train.py \
#   configs/scalenas_seg/earth/supernet_w16-sandwich_1xb16-1k_earth-96x96.py
# Needs: python tools/get_demo_data.py earth
# Expected: mIoU of 39.8 for the smallest and for the largest net (one seed); see docs/bignas.md.
# Cost: four nets an iteration, about three times the supernet beside it.
_base_ = './teacher_w16_1xb16-1k_earth-96x96.py'
model = dict(
    # type='uniform' and no num_random; then distillation=None and dropout='all', too
    sampler=dict(_delete_=True, type='sandwich', seed=0, num_random=2),
    distillation=dict(
        tap='decode_head.conv_seg',
        teacher='inplace',
        loss='kl',
        temperature=1.0,
        labels='largest',  # 'all'
        ignore_index=None,  # with 255 the children would see which pixels have no label
    ),
    dropout='largest',  # 'all'
    child_decay=0.0,  # 0.0005, the weight decay of the optimizer
    track_norms=False,  # True
    backward='each',  # 'summed': the same gradients, more memory
    architecture=dict(
        backbone=dict(zero_init_residual=True),  # False
        decode_head=dict(dropout_ratio=0.2),
    ),
)
max_iters = 1000
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=50, by_epoch=False),
    # As in the paper, it turns constant after about 60% of the training; floor=0.0: never.
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=6,
        floor=0.05,
        by_epoch=False,
    ),
]
find_unused_parameters = True
val_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(_delete_=True, type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
