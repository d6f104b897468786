# What: ScaleNet-S3, trained on ImageNet, tuned to FGVC Aircraft (100 classes, 6,667 images to train on).
# Source: ScaleNet (Xie et al. 2022), table 2 and appendix A: the settings of ImageNet's training without
#   the moving average, in batches of 256.
# Command: bash tools/dist_train.sh configs/scalenas_cls/finetune/scalenet_s3_8xb32-300e_aircraft.py 8 --amp
# Needs: data/fgvc-aircraft-2013b, as mmpretrain's FGVCAircraft reads it, and the weights of
#   configs/scalenas_cls/imagenet/scalenet_s3_8xb128-300e_imagenet.py (the last checkpoint's moving average).
# Expected: top-1 91.4 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_classifier.py',
    '../../_base_/datasets/imagenet_224x224.py',
    '../../_base_/schedules/imagenet_300e_rmsprop.py',
    '../../_base_/default_runtime_cls.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=354, backend='pillow', interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandAugment',
        policies='timm_increasing',
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic'),
    ),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=405, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=354),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        _delete_=True,
        type='FGVCAircraft',
        data_root='data/fgvc-aircraft-2013b',
        split='trainval',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    dataset=dict(
        _delete_=True,
        type='FGVCAircraft',
        data_root='data/fgvc-aircraft-2013b',
        split='test',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(num_classes=100),
    backbone=dict(
        _delete_=True,
        type='scalenas.ScaleMBConvNet',
        arch='scalenet_s3',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='work_dirs/scalenet_s3_8xb128-300e_imagenet/iter_375342.pth',
            prefix='backbone.',
        ),
    ),
    head=dict(num_classes=100, in_channels=1280, topk=(1,)),
    train_cfg=None,
)
custom_hooks = [dict(type='scalenas.InvalidLossHook')]
val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator
# 300 epochs of 6,667 images in batches of 256; 3 epochs of warm-up.
max_iters = 7813
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=78, by_epoch=False),
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=2.4 * 6667 / 256,
        floor=0.0,
        by_epoch=False,
    ),
]
train_cfg = dict(max_iters=max_iters, val_interval=260)
auto_scale_lr = dict(base_batch_size=256)
