# Trees in aerial images of about 256x256, one class, boxes of 15 to 74 pixels.
# Source: python tools/get_demo_data.py trees writes data/trees.
# Splits: training (443 trees on 72 tiles of one image), search (124 on its other 18 tiles),
# test (278 on 25 tiles of another image, reported).
_base_ = './boxes_1xb4.py'
prepare_data = 'python tools/get_demo_data.py trees'
data_root = 'data/trees/'
metainfo = dict(classes=('tree',), palette=[(0, 158, 115)])
# The tested image has more haze: with the colours as they are, a detector finds next to nothing
# in it.
equalize = dict(type='Equalize', prob=1.0)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    equalize,
    dict(type='LoadAnnotations', with_bbox=True),
    # More tiles a minute, and no two alike.
    dict(type='RandomCrop', crop_size=(128, 128)),
    dict(
        type='RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    equalize,
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_train.json',
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_search.json',
        pipeline=test_pipeline,
    )
)
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_test.json',
        pipeline=test_pipeline,
    )
)
val_evaluator = dict(ann_file=data_root + 'annotations/instances_search.json')
test_evaluator = dict(ann_file=data_root + 'annotations/instances_test.json')
