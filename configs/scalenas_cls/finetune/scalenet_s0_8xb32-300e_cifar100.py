# What: ScaleNet-S0, trained on ImageNet, tuned to CIFAR-100 (100 classes, 50,000 pictures to train on).
# Source: ScaleNet (Xie et al. 2022), table 2 and appendix A: the settings of ImageNet's training without
#   the moving average, in batches of 256.
#   Pictures of 32x32 are cropped and enlarged to 224x224; how they were in the paper it does not say.
# Command: bash tools/dist_train.sh configs/scalenas_cls/finetune/scalenet_s0_8xb32-300e_cifar100.py 8 --amp
# Needs: data/cifar100, as mmpretrain's CIFAR100 reads it, and the weights of
#   configs/scalenas_cls/imagenet/scalenet_s0_8xb128-300e_imagenet.py (the last checkpoint's moving average).
# Expected: top-1 88.4 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_classifier.py',
    '../../_base_/datasets/imagenet_224x224.py',
    '../../_base_/schedules/imagenet_300e_rmsprop.py',
    '../../_base_/default_runtime_cls.py',
]
train_pipeline = [
    dict(type='RandomResizedCrop', scale=224, backend='pillow', interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandAugment',
        policies='timm_increasing',
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[124, 116, 104], interpolation='bicubic'),
    ),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        _delete_=True,
        type='CIFAR100',
        data_root='data/cifar100',
        split='train',
        pipeline=train_pipeline,
        download=False,
    ),
)
val_dataloader = dict(
    batch_size=32,
    dataset=dict(
        _delete_=True,
        type='CIFAR100',
        data_root='data/cifar100',
        split='test',
        pipeline=test_pipeline,
        download=False,
    ),
)
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(num_classes=100, to_rgb=False),
    backbone=dict(
        _delete_=True,
        type='scalenas.ScaleMBConvNet',
        arch='scalenet_s0',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/scalenet_s0_8xb128-300e_imagenet/iter_375342.pth',
            prefix='backbone.',
        ),
    ),
    head=dict(num_classes=100, in_channels=1280, topk=(1,)),
    train_cfg=None,
)
custom_hooks = [dict(type='scalenas.InvalidLossHook')]
val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator
# 300 epochs of 50,000 pictures in batches of 256; 3 epochs of warm-up.
max_iters = 58594
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=586, by_epoch=False),
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=2.4 * 50000 / 256,
        floor=0.0,
        by_epoch=False,
    ),
]
train_cfg = dict(max_iters=max_iters, val_interval=1953)
auto_scale_lr = dict(base_batch_size=256)
