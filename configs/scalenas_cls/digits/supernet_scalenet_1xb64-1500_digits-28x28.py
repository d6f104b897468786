# What: a super-supernet of minutes: small MBConv nets, grown by the scalings of two stages, real digits.
# Source: ScaleNet (Xie et al. 2022), section 3.2 and appendix A, with a space, a rate and a schedule of
#   this size.
# Command: python tools/train.py configs/scalenas_cls/digits/supernet_scalenet_1xb64-1500_digits-28x28.py
# Needs: python tools/get_demo_data.py digits
# Expected: what `python tools/demo.py scalenet` prints; docs/scalenet.md.
# Cost: minutes on a CPU.
_base_ = [
    '../../_base_/models/super_scalenet_imagenet.py',
    '../../_base_/datasets/digits_28x28.py',
    '../../_base_/default_runtime_cls.py',
]
space = dict(
    family='scaled',
    base=dict(
        family='mbconv',
        resolution=[20],
        stem=[8],
        conv_out=[64],
        stages=[
            dict(width=[8], depth=[1], kernel=[3], expand=[1], se=[False]),
            dict(width=[12], depth=[1, 2], kernel=[3, 5], expand=[3, 6], se=[False], stride=2),
            dict(width=[20], depth=[1, 2, 3], kernel=[3, 5], expand=[3, 6], se=[False], stride=2),
        ],
    ),
    stages=[
        {},
        dict(depth=[1.0, 1.2], width=[1.0, 1.15], resolution=[1.0, 1.1, 1.2]),
        dict(depth=[1.2, 1.4], width=[1.15, 1.3], resolution=[1.2, 1.3, 1.4]),
    ],
)
model = dict(
    architecture=dict(
        data_preprocessor=dict(num_classes=10, mean=[33.3] * 3, std=[78.6] * 3),
        backbone=dict(space=dict(_delete_=True, **space), norm_cfg=dict(type='BN')),
        head=dict(num_classes=10, in_channels=64, topk=(1,)),
    ),
)
max_iters = 1500
# Weights of a choice are trained when it is drawn: with a rate of 0.1, a fifth, they hardly learn in
# these few steps.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=4e-5),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=50, end=max_iters, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
default_hooks = dict(logger=dict(interval=50), checkpoint=dict(interval=300))
# For tools/rank_study.py; search_scalenet_digits-28x28.py has the search of ScaleNet.
search = dict(
    algorithm=dict(type='random', num_total=60),
    objectives=(('accuracy/top1', 'max'), ('macs', 'min')),
    seed=0,
)
