# What: ScaleNet-P1, found for COCO, on MPII, as an ordinary mmpose model: test it, or train it alone.
# Source: ScaleNAS (Cheng et al. 2020), table 2 and section 7.4.
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/mpii/scalenas_p1_8xb48-210e_mpii-256x256.py 8
#   They start from ImageNet weights: --cfg-options model.backbone.pretrained=PATH
# Expected: 28.5 M parameters, 9.3 Gi multiply-adds at 256x256, head included (reproduced by the
#   tests), a block and a fusion that nothing reads among them (--prune of tools/export.py).
#   PCKh 91.0 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_heatmap.py',
    '../../_base_/datasets/mpii_topdown_256x256.py',
    '../../_base_/schedules/mpii_210e_8xb48.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    backbone=dict(arch='scalenas_p1'),
    head=dict(out_channels=16, decoder=_base_.codec),
)
# A block and its fusions in the last module are read by nothing, and get no gradient.
find_unused_parameters = True
