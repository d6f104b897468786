# The single-stage model of BigNAS: all networks of table 1 in one set of weights, 32-40 channels at
# the stem to 1280-1408 before the classifier. One crop is resized to the resolution of each network.
# Source: BigNAS (Yu et al. 2020), table 1 and section 4.2. Label smoothing is not mentioned there.
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
            type='scalenas.SuperMBConvNet',
            space='bignas',
            norm_cfg=dict(type='SyncBN'),
            resize=True,
            zero_init_residual=True,
        ),
        neck=[
            dict(type='GlobalAveragePooling'),
            dict(type='scalenas.FeatureDropout', ratio=0.2),
        ],
        head=dict(
            type='scalenas.SuperLinearClsHead',
            num_classes=1000,
            in_channels=1408,
            loss=dict(type='CrossEntropyLoss'),
            topk=(1, 5),
        ),
    ),
    sampler=dict(type='sandwich', seed=0, num_random=2),
    distillation=dict(
        tap='head.fc', teacher='inplace', loss='kl', temperature=1.0, labels='largest'
    ),
    dropout='largest',
    child_decay=0.0,
    track_norms=False,
    backward='each',
)
find_unused_parameters = True
