# What: the single-stage model of BigNAS on ImageNet: sandwich of four, in-place distillation.
# Source: BigNAS (Yu et al. 2020), sections 3.1, 4.1 and 4.2. Every rule is a line of
#   configs/_base_/models/super_mbconv_imagenet.py or of the schedule; docs/bignas.md lists them.
# Command: GPUS=64 bash tools/slurm_train.sh PARTITION JOB \
#   configs/scalenas_cls/imagenet/supernet_bignas_64xb64-120k_imagenet.py WORK_DIR --amp
# Expected: nets of 0.2 to 2 G multiply-adds; 76.5 to 80.9 top-1 for the paper's four (reported, not
#   reproduced here). Cost there: 36 hours on 64 TPUv3. Not trained here.
_base_ = [
    '../../_base_/models/super_mbconv_imagenet.py',
    '../../_base_/datasets/imagenet_224x224.py',
    '../../_base_/schedules/imagenet_120k_rmsprop_floor.py',
    '../../_base_/default_runtime_cls.py',
]
train_dataloader = dict(batch_size=64)
val_dataloader = dict(batch_size=64)
test_dataloader = val_dataloader
# Fixed training pictures with the test pipeline: 4,096 for the statistics of each network.
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
