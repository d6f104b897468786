# What: ScaleNet-S2, found for Cityscapes, in Faster R-CNN with HRFPN.
# Source: ScaleNAS (Cheng et al. 2020), section 7.6 and table 5.
# Command: tools/dist_train.sh configs/scalenas_det/coco/faster_rcnn_scalenas_s2_8xb2-1x_coco.py 8
#   Needs pre-trained weights for the backbone, whose norms are frozen; see the comment on norms in
#   configs/_base_/models/scale_faster_rcnn_hrfpn.py. Of an exported net, tools/transfer.py writes
#   this config with its weights; other weights: --cfg-options model.backbone.pretrained=PATH
# Expected: 46.2 M parameters (paper 46.3), 270.0 G multiply-adds, 271.3 as mmdet once counted
#   (docs/detection.md) at 800x1280, whole detector (reproduced by the tests).
#   Box AP 40.1 (paper, reported, not reproduced here).
_base_ = [
    '../../_base_/models/scale_faster_rcnn_hrfpn.py',
    '../../_base_/datasets/coco_detection_800x1333.py',
    '../../_base_/schedules/coco_1x.py',
    '../../_base_/default_runtime_det.py',
]
model = dict(backbone=dict(arch='scalenas_s2'))
