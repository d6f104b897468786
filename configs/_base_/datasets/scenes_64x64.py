# Procedural scenes of look-alike shapes, 8 classes, 64x64: what an HRNet of width 8 learns in a minute.
# Source: python tools/get_demo_data.py scenes64 writes data/scenes64
# (training 2000, search 200, validation 400).
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
hint = 'make the data with: python tools/get_demo_data.py scenes64'
data_root = 'data/scenes64'
crop_size = (64, 64)
# Class weights 1/sqrt(share in training), mean 1: meta.json of the data has them too.
class_weight = [0.1986, 0.8311, 0.8223, 1.0818, 1.0031, 1.2315, 1.2131, 1.6185]
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
