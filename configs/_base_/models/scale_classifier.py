# A static backbone, global average pooling, one linear layer. Loss: cross-entropy with label
# smoothing 0.1, on mixed images (mixup, alpha 0.2).
# Source: Dollar et al. 2021, section 6.1.
model = dict(
    _scope_='mmpretrain',  # for mmengine.hub, which builds it by itself
    type='ImageClassifier',
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        num_classes=1000,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(type='scalenas.ScaleRegNet', arch='regnetz_500mf'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=1024,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        topk=(1, 5),
    ),
    train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)),
)
