# A static backbone, of which only the finest map is used, and a 1x1 convolution to one heatmap per
# joint (17 of COCO). Loss: half of the MSE, joints without annotation weigh nothing. Test: the mean of the
# heatmaps of the image and of its mirror image, shifted by one pixel, as HRNet does.
# A config adds `decoder`, the codec of its data.
model = dict(
    _scope_='mmpose',  # for mmengine.hub, which builds it by itself
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='scalenas.ScaleHRNet', arch='scalenas_p2', norm_cfg=dict(type='BN')),
    head=dict(
        type='HeatmapHead',
        in_channels=32,
        out_channels=17,
        deconv_out_channels=None,
        # HRNet's released loss has this factor, and the weight of a distillation is relative to it.
        loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=0.5),
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
