# 5,000 real handwritten digits, 28x28, 10 classes.
# Source: python tools/get_demo_data.py digits writes data/digits
# (training 3500, search 500, validation 1000).
# Splits: training (weights), search (candidates, held out of training), validation (reported).
dataset_type = 'scalenas.SpreadCustomDataset'
metainfo = dict(classes=tuple('0123456789'))
hint = 'make the data with: python tools/get_demo_data.py digits'
data_root = 'data/digits'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomCrop', crop_size=28, padding=2),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        hint=hint,
        data_prefix='training',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=250,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        hint=hint,
        data_prefix='validation',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# Read by tools/search.py: what candidates are scored on.
search_dataloader = dict(
    batch_size=250,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        hint=hint,
        data_prefix='search',
        pipeline=test_pipeline,
    ),
)
# Fixed training images without augmentation, evenly spread; `spread` is their number.
calibration_dataloader = dict(
    batch_size=250,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        hint=hint,
        data_prefix='training',
        pipeline=test_pipeline,
        spread=500,
    ),
)
val_evaluator = dict(type='Accuracy', topk=(1,))
test_evaluator = val_evaluator
