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
    '../../_base_/models/scale_faster_rcnn_hrfpn.py',
    '../../_base_/datasets/people_boxes_160x96.py',
    '../../_base_/default_runtime_det.py',
]
# Batch norms learn, for a start from random weights must be possible: batches are of one size.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(arch='configs/scalenas_det/trees/uniform_w16.yaml', norm_eval=False),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=64),
    rpn_head=dict(
        in_channels=64,
        feat_channels=64,
        # People of 35 to 90 pixels; anchors of 32 to 512.
        anchor_generator=dict(scales=[8]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64),
        bbox_head=dict(in_channels=64, fc_out_channels=128, num_classes=1),
    ),
    # A frame has one or two people: few regions are enough, and cheap.
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=200), rcnn=dict(sampler=dict(num=48))
    ),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=200)),
)
max_iters = 250
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.001, weight_decay=0.0001),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=20, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=20, end=max_iters, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=100))
