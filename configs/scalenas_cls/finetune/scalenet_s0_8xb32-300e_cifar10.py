# What: ScaleNet-S0, trained on ImageNet, tuned to CIFAR-10 (10 classes, 50,000 images to train on).
# Source: ScaleNet (Xie et al. 2022), table 2 and appendix A: the settings of ImageNet's training without
#   the moving average, in batches of 256.
#   Images of 32x32 are cropped and enlarged to 224x224; how they were in the paper it does not say.
# Command: bash tools/dist_train.sh configs/scalenas_cls/finetune/scalenet_s0_8xb32-300e_cifar10.py 8 --amp
# Needs: data/cifar10, as mmpretrain's CIFAR10 reads it, and the weights of
#   configs/scalenas_cls/imagenet/scalenet_s0_8xb128-300e_imagenet.py (the last checkpoint's moving average).
# Expected: top-1 98.3 (paper, reported, not reproduced here).
_base_ = './scalenet_s3_8xb32-300e_aircraft.py'
# mmpretrain's CIFAR gives images, not files, and gives them as RGB.
train_pipeline = _base_.train_pipeline[1:]
train_pipeline[0].scale = 224
train_pipeline[2].hparams.pad_val = [124, 116, 104]
test_pipeline = _base_.test_pipeline[1:]
test_pipeline[0].scale = 256
test_pipeline[1].crop_size = 224
train_dataloader = dict(
    dataset=dict(
        type='CIFAR10',
        data_root='data/cifar10',
        split='train',
        pipeline=train_pipeline,
        download=False,
    )
)
val_dataloader = dict(
    dataset=dict(type='CIFAR10', data_root='data/cifar10', pipeline=test_pipeline, download=False)
)
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(num_classes=10, to_rgb=False),
    backbone=dict(
        arch='scalenet_s0',
        init_cfg=dict(checkpoint='work_dirs/scalenet_s0_8xb128-300e_imagenet/iter_375342.pth'),
    ),
    head=dict(num_classes=10),
)
# 300 epochs of 50,000 images in batches of 256; 3 epochs of warm-up.
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
