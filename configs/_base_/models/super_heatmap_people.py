# A small HRNet-style space for 128x96 images, with a heatmap of 32x24 per joint; as it stands here
# it trains its largest net: the teacher.
# The paper's loss, squared errors, needs far more than minutes to leave the all-zero heatmap; a
# cross entropy over the pixels does not. The full recipes keep squared errors.
norm_cfg = dict(type='BN', requires_grad=True)
space = dict(
    family='hrnet',
    output='single',
    width=16,
    num_modules=(1, 1, 1),
    depth=(1, 2, 3),
    stem=16,
    stage1_blocks=1,
    stage1_channels=8,
)
model = dict(
    _scope_='mmpose',  # for mmengine.hub, which builds it by itself
    type='scalenas.SuperNet',
    architecture=dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='PoseDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
        ),
        backbone=dict(type='scalenas.SuperScaleHRNet', space=space, norm_cfg=norm_cfg),
        head=dict(
            type='HeatmapHead',
            in_channels=16,
            out_channels=17,
            deconv_out_channels=None,
            loss=dict(type='scalenas.SpatialCrossEntropyLoss'),
            decoder=dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1),
        ),
        test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
    ),
    sampler=dict(type='fixed', arch='largest'),
)
# A supernet also holds the last fusions into branches that no single-output net reads: even the
# teacher's step leaves them without gradient.
find_unused_parameters = True
