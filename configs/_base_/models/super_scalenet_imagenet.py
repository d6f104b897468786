# The super-supernet of ScaleNet: 12 blocks at every place, depths 1 to 4, grown by every scaling of
# four stages; weights of its own for every choice of a block, widths share theirs by slices. One crop
# is resized to the resolution of the path of each step.
# Source: ScaleNet (Xie et al. 2022), tables 6 and 7, section 3.2, appendix A. The paper does not say
# that labels are smoothed; the released code does. It has a skip where widths are equal.
space = dict(
    family='scaled',
    base=dict(
        family='mbconv',
        resolution=[224],
        stem=[32],
        conv_out=[1280],
        stages=[
            dict(width=[16], depth=[1], kernel=[3, 5, 7], expand=[1], se=[False, True]),
            dict(
                width=[32],
                depth=[1, 2, 3, 4],
                kernel=[3, 5, 7],
                expand=[3, 6],
                se=[False, True],
                stride=2,
            ),
            dict(
                width=[40],
                depth=[1, 2, 3, 4],
                kernel=[3, 5, 7],
                expand=[3, 6],
                se=[False, True],
                stride=2,
            ),
            dict(
                width=[80],
                depth=[1, 2, 3, 4],
                kernel=[3, 5, 7],
                expand=[3, 6],
                se=[False, True],
                stride=2,
            ),
            dict(width=[96], depth=[1, 2, 3, 4], kernel=[3, 5, 7], expand=[3, 6], se=[False, True]),
            dict(
                width=[192],
                depth=[1, 2, 3, 4],
                kernel=[3, 5, 7],
                expand=[3, 6],
                se=[False, True],
                stride=2,
            ),
            dict(width=[320], depth=[1], kernel=[3, 5, 7], expand=[3, 6], se=[False, True]),
        ],
    ),
    stages=[
        {},
        dict(
            depth=[1.04, 1.08, 1.12, 1.16],
            width=[1.04, 1.08, 1.12, 1.16],
            resolution=[1.0, 1.07, 1.14],
        ),
        dict(
            depth=[1.2, 1.24, 1.28, 1.32, 1.36],
            width=[1.2, 1.24, 1.28, 1.32, 1.36],
            resolution=[1.21, 1.28, 1.35],
        ),
        dict(
            depth=[1.4, 1.44, 1.48, 1.52, 1.56, 1.6, 1.64],
            width=[1.4, 1.44, 1.48, 1.52, 1.56, 1.6, 1.64],
            resolution=[1.43, 1.5, 1.57],
        ),
    ],
)
model = dict(
    _scope_='mmpretrain',  # for mmengine.hub, which builds it by itself
    type='scalenas.SuperNet',
    architecture=dict(
        type='ImageClassifier',
        data_preprocessor=dict(
            type='ClsDataPreprocessor',
            num_classes=1000,
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            to_rgb=True,
        ),
        backbone=dict(
            type='scalenas.ChoiceMBConvNet',
            space=space,
            norm_cfg=dict(type='SyncBN'),
            resize=True,
        ),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='LinearClsHead',
            num_classes=1000,
            in_channels=1280,
            loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
            topk=(1, 5),
        ),
    ),
    sampler=dict(type='hierarchical', seed=0, eta='equal'),
)
find_unused_parameters = True
