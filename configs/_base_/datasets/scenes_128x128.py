# Procedural scenes of look-alike shapes, 8 classes, 128x128.
# Source: python tools/get_demo_data.py scenes writes data/scenes
# (training 1200, search 200, validation 300).
# Splits: training (weights), search (candidates, held out of training), validation (reported).
dataset_type = 'scalenas.SpreadSegDataset'
metainfo = dict(
    classes=('background', 'disc', 'gear', 'ring', 'square', 'frame', 'triangle', 'star'),
    palette=[
        (40, 40, 40),
        (230, 25, 75),
        (245, 130, 48),
        (255, 225, 25),
        (0, 130, 200),
        (70, 240, 240),
        (60, 180, 75),
        (240, 50, 230),
    ],
)
hint = 'make the data with: python tools/get_demo_data.py scenes'
data_root = 'data/scenes'
crop_size = (128, 128)
# Class weights 1/sqrt(share in training), mean 1: meta.json of the data has them too.
class_weight = [0.297, 0.84, 0.83, 1.0, 1.034, 1.138, 1.264, 1.597]
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
