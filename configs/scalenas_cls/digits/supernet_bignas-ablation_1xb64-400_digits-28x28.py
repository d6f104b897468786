# What: the single-stage model of digits in 400 iterations, for the ablations of its rules; a small, a
#   middle and the largest net are validated eight times. The rate is 5 % from iteration 240 on.
# Source: BigNAS (Yu et al. 2020), section 4.3, figures 4 to 7.
# Command: python tools/train.py configs/scalenas_cls/digits/supernet_bignas-ablation_1xb64-400_digits-28x28.py
#   All runs of the comparison: python tools/demo.py bignas
# Needs: python tools/get_demo_data.py digits
# Expected: docs/bignas.md.
# Cost: minutes on one CPU thread.
_base_ = './supernet_bignas_1xb64-600_digits-28x28.py'
# Between the smallest and the largest net in everything.
middle = dict(
    family='mbconv',
    resolution=24,
    stem=8,
    conv_out=96,
    shortcut='projected',
    stages=[
        dict(width=8, depth=1, kernel=3, expand=1, se=False),
        dict(width=24, depth=2, kernel=3, expand=3, se=False, stride=2),
        dict(width=40, depth=2, kernel=5, expand=3, se=True, stride=2),
    ],
)
max_iters = 400
train_cfg = dict(max_iters=max_iters, val_interval=50)
val_cfg = dict(archs=('smallest', middle, 'largest'))
test_cfg = dict(archs=('smallest', middle, 'largest'))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=20, by_epoch=False),
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=2.44,
        floor=0.05,
        by_epoch=False,
    ),
]
# In the training's own process: two runs fit on two cores.
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0, persistent_workers=False)
default_hooks = dict(checkpoint=dict(interval=200))
# No InvalidLossHook: a training that explodes is a result here, as in figure 4.
custom_hooks = [dict(type='scalenas.SpaceHook')]
