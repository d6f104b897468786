# What: the teacher of the W32 supernet, its largest net, on ImageNet: what the teachers of the tasks start
#   from.
# Source: ScaleNAS (Cheng et al. 2020), section 7.2. It does not say how images are cropped: as in HRNet,
#   a random part and a flip.
# Command: GPUS=16 bash tools/slurm_train.sh PARTITION JOB \
#   configs/scalenas_cls/imagenet/teacher_w32_16xb48-100e_imagenet.py WORK_DIR
#   Then, for a task, with the checkpoint in WORK_DIR:
#   tools/dist_train.sh configs/scalenas_seg/cityscapes/teacher_w32_8xb3-484e_cityscapes-512x1024.py 8 \
#   --cfg-options model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=WORK_DIR/iter_166819.pth \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# On 8 GPUs, two iterations an update: tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/teacher_w32_16xb48-100e_imagenet.py 8 --cfg-options \
#   optim_wrapper.accumulative_counts=2 train_cfg.max_iters=333638 train_cfg.val_interval=33364 \
#   param_scheduler.0.milestones=[100092,200182,300274]
# Cost: about 30 hours on 16 V100 (paper).
# Expected: the paper prints no accuracy of it. Not trained here.
_base_ = [
    '../../_base_/models/super_hrnet_imagenet.py',
    '../../_base_/datasets/imagenet_224x224.py',
    '../../_base_/schedules/imagenet_100e_step.py',
    '../../_base_/default_runtime_cls.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=48, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=48)
test_dataloader = val_dataloader
