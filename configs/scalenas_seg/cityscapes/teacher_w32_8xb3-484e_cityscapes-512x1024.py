# What: the teacher of the W32 supernet, its largest net, on Cityscapes (19 classes).
# Source: ScaleNAS (Cheng et al. 2020), section 7.3.
# Command: tools/dist_train.sh \
#   configs/scalenas_seg/cityscapes/teacher_w32_8xb3-484e_cityscapes-512x1024.py 8
#   The paper starts from ImageNet weights (configs/scalenas_cls/imagenet/teacher_w32_16xb48-100e_imagenet.py);
#   add then --cfg-options model.architecture.backbone.init_cfg.type=Pretrained \
#   model.architecture.backbone.init_cfg.checkpoint=work_dirs/teacher_w32_16xb48-100e_imagenet/iter_166819.pth \
#   model.architecture.backbone.init_cfg.prefix=architecture.backbone.
# Cost: about 40 hours on 8 V100 for teacher and supernet (paper).
# Expected: 47.850 M parameters and 469.76 Gi multiply-adds at 1024x2048, head included (reproduced
#   by the tests); the paper prints no mIoU for the teacher.
_base_ = [
    '../../_base_/models/super_fcn_cityscapes.py',
    '../../_base_/datasets/cityscapes_512x1024.py',
    '../../_base_/schedules/cityscapes_484e_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
train_dataloader = dict(batch_size=3)
