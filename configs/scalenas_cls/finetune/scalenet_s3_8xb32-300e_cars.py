# What: ScaleNet-S3, trained on ImageNet, tuned to Stanford Cars (196 classes, 8,144 images to train on).
# Source: ScaleNet (Xie et al. 2022), table 2 and appendix A: the settings of ImageNet's training without
#   the moving average, in batches of 256.
# Command: bash tools/dist_train.sh configs/scalenas_cls/finetune/scalenet_s3_8xb32-300e_cars.py 8 --amp
# Needs: data/Stanford_Cars, as mmpretrain's StanfordCars reads it, and the weights of
#   configs/scalenas_cls/imagenet/scalenet_s3_8xb128-300e_imagenet.py (the last checkpoint's moving average).
# Expected: top-1 94.4 (paper, reported, not reproduced here).
_base_ = './scalenet_s3_8xb32-300e_aircraft.py'
train_dataloader = dict(
    dataset=dict(type='StanfordCars', data_root='data/Stanford_Cars', split='train')
)
val_dataloader = dict(dataset=dict(type='StanfordCars', data_root='data/Stanford_Cars'))
test_dataloader = val_dataloader
model = dict(data_preprocessor=dict(num_classes=196), head=dict(num_classes=196))
# 300 epochs of 8,144 images in batches of 256; 3 epochs of warm-up.
max_iters = 9544
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=95, by_epoch=False),
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=2.4 * 8144 / 256,
        floor=0.0,
        by_epoch=False,
    ),
]
train_cfg = dict(max_iters=max_iters, val_interval=318)
