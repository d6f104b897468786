# What: the teacher of the W48 supernet, its largest net, on ImageNet: what the teachers of the tasks start
#   from.
# Source: ScaleNAS (Cheng et al. 2020), section 7.2. It does not say how images are cropped: as in HRNet,
#   a random part and a flip.
# Command: GPUS=16 bash tools/slurm_train.sh PARTITION JOB \
#   configs/scalenas_cls/imagenet/teacher_w48_16xb48-100e_imagenet.py WORK_DIR
#   Then, for a task, with the checkpoint in WORK_DIR:
#   tools/dist_train.sh configs/scalenas_seg/cityscapes/teacher_w48_8xb3-484e_cityscapes-512x1024.py 8 \
#   --cfg-options model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=WORK_DIR/iter_166819.pth \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# On 8 GPUs, two iterations an update: tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/teacher_w48_16xb48-100e_imagenet.py 8 --cfg-options \
#   optim_wrapper.accumulative_counts=2 train_cfg.max_iters=333638 train_cfg.val_interval=33364 \
#   param_scheduler.0.milestones=[100092,200182,300274]
# Cost: about 30 hours on 16 V100 (paper).
# Expected: the paper prints no accuracy of it. Not trained here.
_base_ = './teacher_w32_16xb48-100e_imagenet.py'
model = dict(
    architecture=dict(
        backbone=dict(space='scalenas_w48'),
        neck=[
            dict(type='HRFuseScales', in_channels=(48, 96, 192, 384), norm_cfg=dict(type='BN')),
            dict(type='GlobalAveragePooling'),
        ],
    )
)
