# The super-supernet of ScaleNet: 12 blocks at every place, depths 1 to 4, grown by every scaling of
# four stages; weights of its own for every choice of a block, widths share theirs by slices. One crop
# is resized to the resolution of the path of each step.
# Source: ScaleNet (Xie et al. 2022), tables 6 and 7, section 3.2, appendix A. The paper does not say
# that labels are smoothed; the released code does. It has a skip where widths are equal.
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
            space='scalenet',
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
