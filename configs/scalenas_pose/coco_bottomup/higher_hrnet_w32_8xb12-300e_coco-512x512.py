# What: HigherHRNet with HRNet-W32 as backbone, bottom-up pose on COCO.
# Source: ScaleNAS (Cheng et al. 2020), table 3; recipe of section 7.5; HigherHRNet (Cheng et al. 2020).
# Command: tools/dist_train.sh configs/scalenas_pose/coco_bottomup/higher_hrnet_w32_8xb12-300e_coco-512x512.py 8
#   HigherHRNet starts from ImageNet weights; with a file of them: --cfg-options
#   model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
# Expected: 28.6 M parameters, 47.9 G multiply-adds at 512x512 counted as the paper does
#   (reproduced by the tests; docs/bottomup.md says how that differs from what is computed).
#   AP on val2017, single scale: 67.1 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/higher_hrnet.py',
    '../../_base_/datasets/coco_bottomup_512x512.py',
    '../../_base_/schedules/coco_bottomup_300e_8xb12.py',
    '../../_base_/default_runtime_bottomup.py',
]
model = dict(backbone=dict(arch='hrnet_w32_single'), head=dict(decoder=_base_.codec))
