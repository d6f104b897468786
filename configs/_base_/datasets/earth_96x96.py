# Land segmentation of 544 real satellite tiles, 7 classes, 96x96.
# Source: python tools/get_demo_data.py earth writes data/earth
# (training 351, search 83, validation 110).
# Splits: training (weights), search (candidates, held out of training), validation (reported).
dataset_type = 'scalenas.SpreadSegDataset'
metainfo = dict(
    classes=('sea', 'lake', 'tropical', 'arid', 'temperate', 'cold', 'polar'),
    palette=[
        (20, 40, 110),
        (70, 170, 230),
        (20, 130, 50),
        (225, 190, 110),
        (150, 200, 70),
        (110, 90, 140),
        (240, 245, 250),
    ],
)
hint = 'make the data with: python tools/get_demo_data.py earth'
data_root = 'data/earth'
crop_size = (96, 96)
# Class weights 1/sqrt(share in training), mean 1: meta.json of the data has them too.
class_weight = [0.493, 2.672, 0.793, 0.608, 0.922, 0.589, 0.922]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5, direction=['horizontal', 'vertical']),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        img_suffix='.png',
        hint=hint,
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        img_suffix='.png',
        hint=hint,
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# Read by tools/search.py: what candidates are scored on.
search_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        img_suffix='.png',
        hint=hint,
        data_prefix=dict(img_path='images/search', seg_map_path='annotations/search'),
        pipeline=test_pipeline,
    ),
)
# Fixed training images without augmentation, evenly spread; `spread` is their number.
calibration_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        img_suffix='.png',
        hint=hint,
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=test_pipeline,
        spread=64,
    ),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
