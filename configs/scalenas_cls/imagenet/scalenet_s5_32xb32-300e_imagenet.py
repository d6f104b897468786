# What: ScaleNet-S5, trained from random weights at 533x533.
# Source: ScaleNet (Xie et al. 2022), appendix A. RandAugment, as there, with the magnitudes of timm's
#   recipe for EfficientNet-B0; the paper gives none, and does not mention label smoothing (0.1 here).
# Command: GPUS=32 bash tools/slurm_train.sh PARTITION JOB \
#   configs/scalenas_cls/imagenet/scalenet_s5_32xb32-300e_imagenet.py WORK_DIR --amp
# On 8 GPUs, four iterations an update: tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/scalenet_s5_32xb32-300e_imagenet.py 8 --amp --cfg-options \
#   optim_wrapper.accumulative_counts=4 train_cfg.max_iters=1501368 train_cfg.val_interval=50040 \
#   param_scheduler.0.end=15012 param_scheduler.1.step_size=12012 custom_hooks.1.interval=4
# Expected: 20.9 M parameters and 10.22 G multiply-adds, as printed; what is counted here stands in the
#   zoo. Top-1 83.7 (paper, reported, not reproduced here).
_base_ = './scalenet_s0_8xb128-300e_imagenet.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=533, backend='pillow', interpolation='bicubic'),
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
    dict(type='ResizeEdge', scale=609, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=533),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=32, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
model = dict(backbone=dict(arch='scalenet_s5'))
