# What: ScaleNet-S1, trained from random weights at 256x256.
# Source: ScaleNet (Xie et al. 2022), appendix A. RandAugment, as there, with the magnitudes of timm's
#   recipe for EfficientNet-B0; the paper gives none, and does not mention label smoothing (0.1 here).
# Command: bash tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/scalenet_s1_8xb128-300e_imagenet.py 8 --amp
# Expected: 7.4 M parameters and 0.80 G multiply-adds, as printed; what is counted here stands in the
#   zoo. Top-1 79.9 (paper, reported, not reproduced here).
_base_ = './scalenet_s0_8xb128-300e_imagenet.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=256, backend='pillow', interpolation='bicubic'),
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
    dict(type='ResizeEdge', scale=293, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=256),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
model = dict(backbone=dict(arch='scalenet_s1'))
