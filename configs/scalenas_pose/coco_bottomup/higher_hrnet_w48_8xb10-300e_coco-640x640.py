# What: HigherHRNet with HRNet-W48 as backbone, bottom-up pose on COCO.
# Source: ScaleNAS (Cheng et al. 2020), table 3; recipe of section 7.5; HigherHRNet (Cheng et al. 2020).
# Command: tools/dist_train.sh configs/scalenas_pose/coco_bottomup/higher_hrnet_w48_8xb10-300e_coco-640x640.py 8
#   HigherHRNet starts from ImageNet weights; with a file of them: --cfg-options
#   model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
# Expected: 63.8 M parameters, 154.3 G multiply-adds at 640x640 counted as the paper does
#   (reproduced by the tests; docs/bottomup.md says how that differs from what is computed).
#   AP on val2017, single scale: 69.9 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/higher_hrnet.py',
    '../../_base_/datasets/coco_bottomup_640x640.py',
    '../../_base_/schedules/coco_bottomup_300e_8xb10.py',
    '../../_base_/default_runtime_bottomup.py',
]
model = dict(
    backbone=dict(arch='hrnet_w48_single'), head=dict(in_channels=48, decoder=_base_.codec)
)
