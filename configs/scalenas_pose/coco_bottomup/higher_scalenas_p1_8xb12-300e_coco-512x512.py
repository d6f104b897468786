# What: HigherHRNet with ScaleNAS-P1 as backbone, bottom-up pose on COCO.
# Source: ScaleNAS (Cheng et al. 2020), table 3; recipe of section 7.5; HigherHRNet (Cheng et al. 2020).
# Command: tools/dist_train.sh configs/scalenas_pose/coco_bottomup/higher_scalenas_p1_8xb12-300e_coco-512x512.py 8
#   Before it, the top-down supernet that the weights start from: see init_cfg below.
# Expected: 28.6 M parameters, 46.9 G multiply-adds at 512x512 counted as the paper does
#   (reproduced by the tests; docs/bottomup.md says how that differs from what is computed).
#   AP on val2017, single scale: 67.8 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/higher_hrnet.py',
    '../../_base_/datasets/coco_bottomup_512x512.py',
    '../../_base_/schedules/coco_bottomup_300e_8xb12.py',
    '../../_base_/default_runtime_bottomup.py',
]
model = dict(
    backbone=dict(
        arch='scalenas_p1',
        init_cfg=dict(
            type='scalenas.SupernetInit',
            checkpoint='work_dirs/supernet_w32_8xb48-210e_coco-256x192/iter_81929.pth',
            made_by='tools/train.py configs/scalenas_pose/coco/supernet_w32_8xb48-210e_coco-256x192.py',
        ),
    ),
    head=dict(decoder=_base_.codec),
)
# A block and its fusions in the last module are read by nothing, and get no gradient.
find_unused_parameters = True
