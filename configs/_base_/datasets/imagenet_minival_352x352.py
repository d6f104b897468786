# ImageNet (ILSVRC 2012) as folders train/CLASS and val/CLASS, for super-supernets: 50 training images
# of each class are held out for the search. Crops have the largest resolution of the space; every path
# brings them to its own.
# Source: ScaleNet (Xie et al. 2022), appendix A; "common" augmentation there: a random part of the
# image (Inception), flip. Test: the middle of an image resized to 8/7 of the crop.
dataset_type = 'scalenas.ImageNetPart'
data_root = 'data/imagenet'
per_class = 50
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=352),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=402, edge='short'),
    dict(type='CenterCrop', crop_size=352),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        part='rest',
        per_class=per_class,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type=dataset_type, data_root=data_root, split='val', pipeline=test_pipeline),
)
test_dataloader = val_dataloader
# The mini validation set, held out of training.
search_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        part='held_out',
        per_class=per_class,
        pipeline=test_pipeline,
    ),
)
# Fixed training images with the test pipeline: 4,096 for the statistics of each network.
calibration_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        part='rest',
        per_class=per_class,
        pipeline=test_pipeline,
        spread=4096,
    ),
)
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
