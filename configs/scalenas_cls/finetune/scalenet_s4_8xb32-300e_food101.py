# What: ScaleNet-S4, trained on ImageNet, tuned to Food-101 (101 classes, 75,750 images to train on).
# Source: ScaleNet (Xie et al. 2022), table 2 and appendix A: the settings of ImageNet's training without
#   the moving average, in batches of 256.
# Command: bash tools/dist_train.sh configs/scalenas_cls/finetune/scalenet_s4_8xb32-300e_food101.py 8 --amp
# Needs: data/food-101, as mmpretrain's Food101 reads it, and the weights of
#   configs/scalenas_cls/imagenet/scalenet_s4_32xb32-300e_imagenet.py (the last checkpoint's moving average).
# Expected: top-1 92.0 (paper, reported, not reproduced here).
_base_ = './scalenet_s3_8xb32-300e_aircraft.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1].scale = 458
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = 523
test_pipeline[2].crop_size = 458
train_dataloader = dict(
    dataset=dict(type='Food101', data_root='data/food-101', split='train', pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(type='Food101', data_root='data/food-101', pipeline=test_pipeline)
)
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(num_classes=101),
    backbone=dict(
        arch='scalenet_s4',
        init_cfg=dict(checkpoint='work_dirs/scalenet_s4_32xb32-300e_imagenet/iter_375342.pth'),
    ),
    head=dict(num_classes=101),
)
# 300 epochs of 75,750 images in batches of 256; 3 epochs of warm-up.
max_iters = 88770
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=888, by_epoch=False),
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=2.4 * 75750 / 256,
        floor=0.0,
        by_epoch=False,
    ),
]
train_cfg = dict(max_iters=max_iters, val_interval=2959)
