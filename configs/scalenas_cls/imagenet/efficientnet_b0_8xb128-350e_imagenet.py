# What: EfficientNet-B0 with its own recipe, as an ordinary mmpretrain classifier; the rival of fast
#   scaling, and the net that ScaleNet's and fast scaling's strategies grow.
# Source: Tan and Le 2019, section 5, and its released code: RMSProp, decay of the rate, AutoAugment,
#   stochastic depth 0.2, dropout 0.2 before the classifier, label smoothing, moving average of the
#   weights.
# Command: bash tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/efficientnet_b0_8xb128-350e_imagenet.py 8 --amp
# Expected: 5.3 M parameters, 0.39 G multiply-adds at 224x224, head included (tests).
#   Top-1 76.3 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_classifier.py',
    '../../_base_/datasets/imagenet_224x224.py',
    '../../_base_/schedules/imagenet_350e_rmsprop.py',
    '../../_base_/default_runtime_cls.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224, backend='pillow', interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='AutoAugment', policies='imagenet', hparams=dict(pad_val=[104, 116, 124])),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
model = dict(
    backbone=dict(
        _delete_=True,
        type='scalenas.ScaleMBConvNet',
        arch='efficientnet_b0',
        drop_path_rate=0.2,
        # Padding, epsilon and momentum of the released code.
        conv_cfg=dict(type='Conv2dAdaptivePadding'),
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01),
    ),
    # mmpretrain's linear head has no dropout of its own.
    neck=[dict(type='GlobalAveragePooling'), dict(type='scalenas.FeatureDropout', ratio=0.2)],
    head=dict(in_channels=1280),
    train_cfg=None,
)
custom_hooks = [
    dict(type='scalenas.InvalidLossHook'),
    dict(type='EMAHook', momentum=1e-4, update_buffers=True, priority='ABOVE_NORMAL'),
]
