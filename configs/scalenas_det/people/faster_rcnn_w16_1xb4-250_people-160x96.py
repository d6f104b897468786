# What: Faster R-CNN with HRFPN on people in video frames, with a backbone of 16 channels; its
#   weights are random unless init_cfg names those of an exported net, as the demo does.
# Source: the detectors of ScaleNAS (Cheng et al. 2020), section 7.6, shrunk to minutes on a CPU.
# Command: python tools/train.py \
#   configs/scalenas_det/people/faster_rcnn_w16_1xb4-250_people-160x96.py --cfg-options \
#   model.backbone.arch=exported/mine.yaml model.backbone.init_cfg.type=Pretrained \
#   model.backbone.init_cfg.checkpoint=exported/mine.pth model.backbone.init_cfg.prefix=backbone.
# Needs: python tools/get_demo_data.py people
# Expected and cost: see docs/demos.md.
_base_ = [
    '../../_base_/models/scale_faster_rcnn_hrfpn_w16.py',
    '../../_base_/datasets/people_boxes_160x96.py',
    '../../_base_/schedules/minutes_adamw.py',
    '../../_base_/default_runtime_det.py',
]
# People of 35 to 90 pixels; anchors of 32 to 512.
model = dict(rpn_head=dict(anchor_generator=dict(scales=[8])))
default_hooks = dict(checkpoint=dict(interval=100))
