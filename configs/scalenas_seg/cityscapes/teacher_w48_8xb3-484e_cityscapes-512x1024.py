# What: the teacher of the W48 supernet, its largest net, on Cityscapes (19 classes).
# Source: ScaleNAS (Cheng et al. 2020), section 7.3.
# Command: tools/dist_train.sh \
#   configs/scalenas_seg/cityscapes/teacher_w48_8xb3-484e_cityscapes-512x1024.py 8
#   The paper starts from ImageNet weights (configs/scalenas_cls/imagenet/teacher_w48_16xb48-100e_imagenet.py);
#   add then --cfg-options model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=work_dirs/teacher_w48_16xb48-100e_imagenet/iter_166819.pth \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# Cost: about 60 hours on 8 V100 for teacher and supernet (paper).
# Expected: 106.995 M parameters and 996.20 Gi multiply-adds at 1024x2048, head included (reproduced
#   by the tests); the paper prints no mIoU for the teacher.
_base_ = [
    '../../_base_/models/super_fcn_cityscapes.py',
    '../../_base_/datasets/cityscapes_512x1024.py',
    '../../_base_/schedules/cityscapes_484e_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
train_dataloader = dict(batch_size=3)
model = dict(
    architecture=dict(
        backbone=dict(space='scalenas_w48'),
        decode_head=dict(in_channels=[48, 96, 192, 384], channels=720),
    ),
)
