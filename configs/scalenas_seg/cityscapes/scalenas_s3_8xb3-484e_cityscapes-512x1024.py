# What: ScaleNet-S3, found for Cityscapes, as an ordinary mmseg model: test it, or train it alone.
# Source: ScaleNAS (Cheng et al. 2020), table 1 (released beside it); recipe of section 7.3.
# Command: python tools/test.py \
#   configs/scalenas_seg/cityscapes/scalenas_s3_8xb3-484e_cityscapes-512x1024.py CHECKPOINT
#   CHECKPOINT: what tools/export.py wrote for this net, or a converted release of the authors.
# Expected: 58.5 M parameters, 575.2 Gi multiply-adds at 1024x2048, head included (reproduced by the
#   tests).
#   The net is in the authors' release but in no table of the paper: no mIoU is known.
_base_ = [
    '../../_base_/models/scale_fcn_cityscapes.py',
    '../../_base_/datasets/cityscapes_512x1024.py',
    '../../_base_/schedules/cityscapes_484e_cosine.py',
    '../../_base_/default_runtime_seg.py',
]
train_dataloader = dict(batch_size=3)
model = dict(
    backbone=dict(arch='scalenas_s3'),
    decode_head=dict(in_channels=[48, 96, 192, 384], channels=720),
)
