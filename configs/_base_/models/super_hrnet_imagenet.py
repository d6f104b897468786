# The supernet with HRNet's classifier for ImageNet: every map widened, added up from fine to coarse,
# pooled, one linear layer. As it stands here it trains its largest net, all 5 blocks per branch and
# all 310 fusions: the teacher.
# Source: ScaleNAS (Cheng et al. 2020), section 7.2, "following" HRNet (Wang et al. 2019), whose
# classifier mmpretrain has.
norm_cfg = dict(type='BN')
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
            type='scalenas.SuperScaleHRNet',
            space='scalenas_w32',
            norm_cfg=norm_cfg,
        ),
        neck=[
            dict(type='HRFuseScales', in_channels=(32, 64, 128, 256), norm_cfg=norm_cfg),
            dict(type='GlobalAveragePooling'),
        ],
        head=dict(
            type='LinearClsHead',
            num_classes=1000,
            in_channels=2048,
            loss=dict(type='CrossEntropyLoss'),
            topk=(1, 5),
        ),
    ),
    sampler=dict(type='fixed', arch='largest'),
)
# Every parameter gets a gradient in a teacher's step.
find_unused_parameters = False
