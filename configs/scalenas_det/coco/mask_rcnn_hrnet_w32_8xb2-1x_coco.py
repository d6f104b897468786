# What: HRNet-W32 in Mask R-CNN with HRFPN, the net beside ScaleNet-S2.
# Source: ScaleNAS (Cheng et al. 2020), section 7.6 and table 5.
# Command: tools/dist_train.sh configs/scalenas_det/coco/mask_rcnn_hrnet_w32_8xb2-1x_coco.py 8
#   Needs pre-trained weights for the backbone, whose norms are frozen; see the comment on norms in
#   configs/_base_/models/scale_faster_rcnn_hrfpn.py. Of an exported net, tools/transfer.py writes
#   this config with its weights; other weights: --cfg-options model.backbone.pretrained=PATH
# Expected: 49.9 M parameters (paper 49.9), 337.1 G multiply-adds, 353.9 as mmdet once counted
#   (docs/detection.md) at 800x1280, whole detector (reproduced by the tests).
#   Box AP 40.8, mask AP 36.4 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_mask_rcnn_hrfpn.py',
    '../../_base_/datasets/coco_instance_800x1333.py',
    '../../_base_/schedules/coco_1x.py',
    '../../_base_/default_runtime_det.py',
]
model = dict(backbone=dict(arch='hrnet_w32'))
