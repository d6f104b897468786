# What: one network trained alone on digits, such as a stage of a family that MCEA found, or one of a rank
#   study: give it with --cfg-options model.backbone.arch=FILE.
# Source: the schedule of the super-supernet beside it, at a fifth of its rate.
# Command: python tools/train.py configs/scalenas_cls/digits/alone_scalenet_1xb64-600_digits-28x28.py
# Needs: python tools/get_demo_data.py digits
# Expected: what `python tools/demo.py scalenet` prints; docs/scalenet.md.
# Cost: a minute on a CPU.
_base_ = [
    '../../_base_/models/scale_classifier.py',
    '../../_base_/datasets/digits_28x28.py',
    '../../_base_/default_runtime_cls.py',
]
arch = dict(
    family='mbconv',
    resolution=20,
    stem=8,
    conv_out=64,
    stages=[
        dict(width=8, depth=1, kernel=3, expand=1, se=False),
        dict(width=12, depth=1, kernel=3, expand=3, se=False, stride=2),
        dict(width=20, depth=2, kernel=3, expand=3, se=False, stride=2),
    ],
)
model = dict(
    data_preprocessor=dict(num_classes=10, mean=[33.3] * 3, std=[78.6] * 3),
    backbone=dict(_delete_=True, type='scalenas.ScaleMBConvNet', arch=arch, resize=True),
    head=dict(num_classes=10, in_channels=64, topk=(1,)),
    train_cfg=None,
)
max_iters = 600
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=4e-5),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=50, end=max_iters, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
custom_hooks = [dict(type='scalenas.InvalidLossHook')]
default_hooks = dict(logger=dict(interval=50), checkpoint=dict(interval=300))
