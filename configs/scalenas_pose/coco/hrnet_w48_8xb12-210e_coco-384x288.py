# What: HRNet-W48, the baseline of P3 and P4, as an ordinary mmpose model: test it, or train it alone.
# Source: ScaleNAS (Cheng et al. 2020), table 2; recipe of section 7.4, which follows HRNet (Sun et al. 2019).
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/coco/hrnet_w48_8xb12-210e_coco-384x288.py 8
#   They start from ImageNet weights: --cfg-options model.backbone.pretrained=PATH
# Expected: 63.6 M parameters, 32.9 Gi multiply-adds at 384x288, head included (reproduced by the
#   tests). AP 76.3 (paper, reported, not reproduced here; with detected boxes).
_base_ = [
    '../../_base_/models/scale_heatmap.py',
    '../../_base_/datasets/coco_topdown_384x288.py',
    '../../_base_/schedules/coco_210e_8xb12.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    backbone=dict(arch='hrnet_w48_single'),
    head=dict(in_channels=48, decoder=_base_.codec),
)
