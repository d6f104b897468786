# Cityscapes as ScaleNAS (Cheng et al. 2020, section 4) trains on it: crops of 512x1024, scale
# 0.5 to 2, flip, batch 24 (8 GPUs x 3).
# Source: data/cityscapes, labels converted by mmsegmentation's dataset_converters/cityscapes.py.
# Splits: the search must not see the reported val, so 3 of the 18 train cities (299 of 2975
# images) are held out of training. To train on all of train: add them to train_cities, and then
# choose the split of the search on purpose; searching on val is selection on the reported set.
dataset_type = 'scalenas.CityscapesCities'
data_root = 'data/cityscapes'
crop_size = (512, 1024)
search_cities = ['darmstadt', 'jena', 'ulm']
train_cities = [
    'aachen',
    'bochum',
    'bremen',
    'cologne',
    'dusseldorf',
    'erfurt',
    'hamburg',
    'hanover',
    'krefeld',
    'monchengladbach',
    'strasbourg',
    'stuttgart',
    'tubingen',
    'weimar',
    'zurich',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(2048, 1024), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 1024), keep_ratio=True),
    # After Resize: the truth keeps its size.
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=3,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
        cities=train_cities,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# Read by tools/search.py: what candidates are scored on.
search_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
        cities=search_cities,
        pipeline=test_pipeline,
    ),
)
# Fixed training images without augmentation, evenly spread; `spread` is their number.
calibration_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
        cities=train_cities,
        pipeline=test_pipeline,
        spread=24,
    ),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
