# What: the single-stage model of BigNAS on ImageNet: sandwich of four, in-place distillation.
# Source: BigNAS (Yu et al. 2020), sections 3.1, 4.1 and 4.2. Every rule is a line of
#   configs/_base_/models/super_mbconv_imagenet.py or of the schedule; docs/bignas.md lists them.
# Command: GPUS=64 bash tools/slurm_train.sh PARTITION JOB \
#   configs/scalenas_cls/imagenet/supernet_bignas_64xb64-120k_imagenet.py WORK_DIR --amp
# On 8 GPUs, eight iterations an update: tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/supernet_bignas_64xb64-120k_imagenet.py 8 --amp --cfg-options \
#   optim_wrapper.accumulative_counts=8 train_cfg.max_iters=960000 train_cfg.val_interval=48000 \
#   param_scheduler.0.end=12512 param_scheduler.1.period=6005.4703
#   An update is then the mean over eight sandwiches, and norms see 512 images instead of 4,096.
# Expected: nets of 0.2 to 2 G multiply-adds; 76.5 to 80.9 top-1 for the paper's four (reported, not
#   reproduced here). Cost there: 36 hours on 64 TPUv3. Not trained here.
_base_ = [
    '../../_base_/models/super_mbconv_imagenet.py',
    '../../_base_/datasets/imagenet_224x224.py',
    '../../_base_/schedules/imagenet_120k_rmsprop_floor.py',
    '../../_base_/default_runtime_cls.py',
]
# "Same settings as" EfficientNet, section 4.2: its epsilon.
model = dict(architecture=dict(backbone=dict(norm_cfg=dict(eps=1e-3))))


# AutoAugment "V0": the policy of EfficientNet's released code, as timm has it.
def operation(name, prob, level):
    """An operation at a level of 0 ... 10."""
    if name in ('AutoContrast', 'Equalize', 'Invert'):
        return dict(type=name, prob=prob)
    if name in ('ShearX', 'ShearY'):
        direction = 'horizontal' if name == 'ShearX' else 'vertical'
        return dict(type='Shear', prob=prob, magnitude=0.03 * level, direction=direction)
    return {
        'Color': dict(
            type='ColorTransform', magnitude=0.18 * level - 0.9, random_negative_prob=0.0
        ),
        'Posterize': dict(type='Posterize', bits=int(level * 4 / 10)),
        'Rotate': dict(type='Rotate', angle=3.0 * level),
        'Solarize': dict(type='Solarize', thr=int(level * 256 / 10)),
        'SolarizeAdd': dict(type='SolarizeAdd', magnitude=int(level * 110 / 10)),
        'TranslateY': dict(type='Translate', magnitude=0.045 * level, direction='vertical'),
    }[name] | dict(prob=prob)


policies = [
    [operation(*first), operation(*second)]
    for first, second in [
        [('Equalize', 0.8, 1), ('ShearY', 0.8, 4)],
        [('Color', 0.4, 9), ('Equalize', 0.6, 3)],
        [('Color', 0.4, 1), ('Rotate', 0.6, 8)],
        [('Solarize', 0.8, 3), ('Equalize', 0.4, 7)],
        [('Solarize', 0.4, 2), ('Solarize', 0.6, 2)],
        [('Color', 0.2, 0), ('Equalize', 0.8, 8)],
        [('Equalize', 0.4, 8), ('SolarizeAdd', 0.8, 3)],
        [('ShearX', 0.2, 9), ('Rotate', 0.6, 8)],
        [('Color', 0.6, 1), ('Equalize', 1.0, 2)],
        [('Invert', 0.4, 9), ('Rotate', 0.6, 0)],
        [('Equalize', 1.0, 9), ('ShearY', 0.6, 3)],
        [('Color', 0.4, 7), ('Equalize', 0.6, 0)],
        [('Posterize', 0.4, 6), ('AutoContrast', 0.4, 7)],
        [('Solarize', 0.6, 8), ('Color', 0.6, 9)],
        [('Solarize', 0.2, 4), ('Rotate', 0.8, 9)],
        [('Rotate', 1.0, 7), ('TranslateY', 0.8, 9)],
        [('ShearX', 0.0, 0), ('Solarize', 0.8, 4)],
        [('ShearY', 0.8, 0), ('Color', 0.6, 4)],
        [('Color', 1.0, 0), ('Rotate', 0.6, 2)],
        [('Equalize', 0.8, 4), ('Equalize', 0.0, 8)],
        [('Equalize', 1.0, 4), ('AutoContrast', 0.6, 2)],
        [('ShearY', 0.4, 7), ('SolarizeAdd', 0.6, 7)],
        [('Posterize', 0.8, 2), ('Solarize', 0.6, 10)],
        [('Solarize', 0.6, 8), ('Equalize', 0.6, 1)],
        [('Color', 0.8, 6), ('Rotate', 0.4, 5)],
    ]
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='AutoAugment', policies=policies, hparams=dict(pad_val=[104, 116, 124])),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=64)
test_dataloader = val_dataloader
# Fixed training images with the test pipeline: 4,096 for the statistics of each network.
calibration_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='scalenas.SpreadImageNet',
        data_root={{_base_.data_root}},
        split='train',
        pipeline={{_base_.test_pipeline}},
        spread=4096,
    ),
)
