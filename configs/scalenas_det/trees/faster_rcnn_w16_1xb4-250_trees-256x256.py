# What: Faster R-CNN with HRFPN on trees seen from the air, with a backbone of 16 channels; its
#   weights are random unless init_cfg names those of an exported net, as the demo does.
# Source: the detectors of ScaleNAS (Cheng et al. 2020), section 7.6, shrunk to minutes on a CPU.
# Command: python tools/train.py configs/scalenas_det/trees/faster_rcnn_w16_1xb4-250_trees-256x256.py \
#   --cfg-options model.backbone.arch=exported/mine.yaml model.backbone.init_cfg.type=Pretrained \
#   model.backbone.init_cfg.checkpoint=exported/mine.pth model.backbone.init_cfg.prefix=backbone.
# Needs: python tools/get_demo_data.py trees
# Expected and cost: see docs/demos.md.
_base_ = [
    '../../_base_/models/scale_faster_rcnn_hrfpn_w16.py',
    '../../_base_/datasets/trees_256x256.py',
    '../../_base_/schedules/minutes_adamw.py',
    '../../_base_/default_runtime_det.py',
]
# Trees of 15 to 74 pixels; anchors of 16 to 256.
model = dict(rpn_head=dict(anchor_generator=dict(scales=[4])))
default_hooks = dict(checkpoint=dict(interval=100))
