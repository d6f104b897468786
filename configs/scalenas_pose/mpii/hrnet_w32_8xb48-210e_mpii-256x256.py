# What: HRNet-W32, the baseline of P1, on MPII, as an ordinary mmpose model: test it, or train it alone.
# Source: ScaleNAS (Cheng et al. 2020), table 2; recipe of section 7.4, which follows HRNet (Sun et al. 2019).
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/mpii/hrnet_w32_8xb48-210e_mpii-256x256.py 8
#   They start from ImageNet weights: --cfg-options model.backbone.pretrained=PATH
# Expected: 28.5 M parameters, 9.5 Gi multiply-adds at 256x256, head included (reproduced by the
#   tests). PCKh 90.3 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_heatmap.py',
    '../../_base_/datasets/mpii_topdown_256x256.py',
    '../../_base_/schedules/mpii_210e_8xb48.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    backbone=dict(arch='hrnet_w32_single'),
    head=dict(out_channels=16, decoder=_base_.codec),
)
