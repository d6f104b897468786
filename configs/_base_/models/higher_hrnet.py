# HigherHRNet: a static backbone, of which only the finest map is used; heatmaps and tags of it, then
# one transposed convolution, four residual blocks and heatmaps again. Loss: MSE of the heatmaps at
# both scales where the mask allows, and pull and push of the tags times 0.001.
# Test: the mean of the heatmaps of both scales, and of the image and of its mirror image.
# A config adds `decoder`, the codec of its data, and the channels of its backbone.
model = dict(
    _scope_='mmpose',  # for mmengine.hub, which builds it by itself
    type='scalenas.PyramidPoseEstimator',
    data_preprocessor=dict(
        type='scalenas.PyramidPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='scalenas.ScaleHRNet', arch='hrnet_w32_single', norm_cfg=dict(type='BN')),
    head=dict(
        type='scalenas.HigherHRNetHead',
        in_channels=32,
        num_keypoints=17,
        keypoint_loss=dict(type='KeypointMSELoss'),
        tag_loss=dict(type='AssociativeEmbeddingLoss', loss_weight=0.001),
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False),
)
