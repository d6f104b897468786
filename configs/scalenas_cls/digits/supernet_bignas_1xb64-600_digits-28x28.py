# What: a single-stage model of seconds to minutes: small MBConv nets at 20 to 32 pixels, the rules of
#   BigNAS, real digits. Every rule is one line; the comment beside it is the line without the rule.
# Source: BigNAS (Yu et al. 2020), section 3.1, with a space, a rate and a schedule of this size.
# Command: python tools/train.py configs/scalenas_cls/digits/supernet_bignas_1xb64-600_digits-28x28.py
# Needs: python tools/get_demo_data.py digits
# Expected: 93.6 top-1 for the smallest and 97.4 for the largest net, one seed; docs/bignas.md.
# Cost: minutes on a CPU.
_base_ = [
    '../../_base_/models/super_mbconv_imagenet.py',
    '../../_base_/datasets/digits_28x28.py',
    '../../_base_/default_runtime_cls.py',
]
space = dict(
    family='mbconv',
    resolution=[20, 24, 28, 32],
    stem=[8, 12],
    shortcut='projected',
    stages=[
        dict(width=[8, 12], depth=[1, 2], kernel=[3], expand=[1], se=[False]),
        dict(width=[16, 24], depth=[1, 2, 3], kernel=[3, 5], expand=[3, 4], se=[False], stride=2),
        dict(width=[32, 40, 48], depth=[1, 2, 3], kernel=[3, 5], expand=[3, 4], stride=2),
    ],
    conv_out=[96, 128],
)
model = dict(
    architecture=dict(
        data_preprocessor=dict(num_classes=10, mean=[33.3] * 3, std=[78.6] * 3),
        backbone=dict(
            space=dict(_delete_=True, **space),
            norm_cfg=dict(type='BN'),
            zero_init_residual=True,  # False
        ),
        head=dict(num_classes=10, in_channels=128, topk=(1,)),
    ),
    sampler=dict(type='sandwich', seed=0, num_random=2),  # type='uniform'
    distillation=dict(labels='largest'),  # 'all'
    dropout='largest',  # 'all'
    child_decay=0.0,  # 1e-5, the weight decay of the optimizer
    track_norms=False,  # True
    backward='summed',  # 'each': the same gradients, less memory
)
max_iters = 600
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='RMSprop', lr=0.016, alpha=0.9, momentum=0.9, eps=0.001**0.5, weight_decay=1e-5
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=30, by_epoch=False),
    # Constant after about 60% of the training, as in the paper; floor=0.0: never.
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=3.7,
        floor=0.05,
        by_epoch=False,
    ),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=200)
val_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
default_hooks = dict(logger=dict(interval=50), checkpoint=dict(interval=200))
