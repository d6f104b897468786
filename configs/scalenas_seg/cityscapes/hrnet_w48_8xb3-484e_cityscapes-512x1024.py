# What: HRNet-W48, the baseline of S4, as an ordinary mmseg model: test it, or train it alone.
# Source: ScaleNAS (Cheng et al. 2020), table 1; recipe of section 7.3, which follows HRNet (Sun et al. 2019).
# Command: tools/dist_train.sh \
#   configs/scalenas_seg/cityscapes/hrnet_w48_8xb3-484e_cityscapes-512x1024.py 8
#   It starts from ImageNet weights: --cfg-options model.backbone.pretrained=PATH
# Expected: 65.859 M parameters (the paper prints 65.8), 696.2 Gi multiply-adds at 1024x2048, head
#   included (reproduced by the tests). mIoU 81.1 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_fcn_cityscapes.py',
    '../../_base_/datasets/cityscapes_512x1024.py',
    '../../_base_/schedules/cityscapes_484e_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
train_dataloader = dict(batch_size=3)
model = dict(
    backbone=dict(arch='hrnet_w48'),
    decode_head=dict(in_channels=[48, 96, 192, 384], channels=720),
)
