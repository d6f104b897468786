# What: ScaleNet-S4, found for Cityscapes, as an ordinary mmseg model: test it, or train it alone.
# Source: ScaleNAS (Cheng et al. 2020), table 1; recipe of section 7.3.
# Command: python tools/test.py \
#   configs/scalenas_seg/cityscapes/scalenas_s4_8xb3-484e_cityscapes-512x1024.py CHECKPOINT
#   CHECKPOINT: what tools/export.py wrote for this net, or a converted release of the authors.
# Expected: 67.5 M parameters, 673.6 Gi multiply-adds at 1024x2048, head included (reproduced by the
#   tests).
#   mIoU 82.0 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_fcn_cityscapes.py',
    '../../_base_/datasets/cityscapes_512x1024.py',
    '../../_base_/schedules/cityscapes_484e_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
train_dataloader = dict(batch_size=3)
model = dict(
    backbone=dict(arch='scalenas_s4'),
    decode_head=dict(in_channels=[48, 96, 192, 384], channels=720),
)
