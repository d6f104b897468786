# A small HRNet-style space for 96x96 images, with HRNet's segmentation head around it; as it
# stands here it trains its largest net: the teacher. The space holds 7e32 networks.
norm_cfg = dict(type='BN', requires_grad=True)
space = dict(
    family='hrnet',
    width=16,
    num_modules=(1, 2, 1),
    depth=(1, 2, 3, 4),
    stem=32,
    stage1_blocks=1,
    stage1_channels=16,
)
model = dict(
    _scope_='mmseg',  # for mmengine.hub, which builds it by itself
    type='scalenas.SuperNet',
    architecture=dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
            pad_val=0,
            seg_pad_val=255,
            size=(96, 96),
        ),
        backbone=dict(type='scalenas.SuperScaleHRNet', space=space, norm_cfg=norm_cfg),
        decode_head=dict(
            type='FCNHead',
            in_channels=[16, 32, 64, 128],
            in_index=(0, 1, 2, 3),
            channels=240,
            input_transform='resize_concat',
            kernel_size=1,
            num_convs=1,
            concat_input=False,
            dropout_ratio=-1,
            num_classes=7,
            norm_cfg=norm_cfg,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss'),
        ),
        train_cfg={},
        test_cfg=dict(mode='whole'),
    ),
    sampler=dict(type='fixed', arch='largest'),
)
# Every parameter gets a gradient in a teacher's step; a supernet's step leaves some without.
find_unused_parameters = False
