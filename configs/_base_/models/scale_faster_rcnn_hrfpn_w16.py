# The detector of scale_faster_rcnn_hrfpn.py for minutes on a CPU: a backbone of 16 channels, one
# class, narrower neck and heads, and few regions, for images of few objects.
# Batch norms learn, for a start from random weights must be possible: batches are of one size.
_base_ = './scale_faster_rcnn_hrfpn.py'
model = dict(
    backbone=dict(arch='configs/scalenas_det/trees/uniform_w16.yaml', norm_eval=False),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=64),
    rpn_head=dict(in_channels=64, feat_channels=64),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64),
        bbox_head=dict(in_channels=64, fc_out_channels=128, num_classes=1),
    ),
    # With 128 regions, pooling them takes a quarter of the time.
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=200), rcnn=dict(sampler=dict(num=48))
    ),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=200)),
)
