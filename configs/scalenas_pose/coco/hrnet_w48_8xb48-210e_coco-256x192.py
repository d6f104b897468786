# What: HRNet-W48, the baseline of P2, as an ordinary mmpose model: test it, or train it alone.
# Source: ScaleNAS (Cheng et al. 2020), table 2; recipe of section 7.4, which follows HRNet (Sun et al. 2019).
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/coco/hrnet_w48_8xb48-210e_coco-256x192.py 8
#   They start from ImageNet weights: --cfg-options model.backbone.pretrained=PATH
# Expected: 63.6 M parameters, 14.6 Gi multiply-adds at 256x192, head included (reproduced by the
#   tests). AP 75.1 (paper, reported, not reproduced here; with detected boxes).
_base_ = [
    '../../_base_/models/scale_heatmap.py',
    '../../_base_/datasets/coco_topdown_256x192.py',
    '../../_base_/schedules/coco_210e_8xb48.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    backbone=dict(arch='hrnet_w48_single'),
    head=dict(in_channels=48, decoder=_base_.codec),
)
