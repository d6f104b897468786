# MPII, 16 joints, one person at a time: the annotated square, cropped to 256x256.
# Source: ScaleNAS (Cheng et al. 2020), section 7.4: augmentation as on COCO, with HRNet's laws; half
# bodies are for COCO alone in its released code. Batch 8 x 48.
# Data: data/mpii with images and annotations (mpii_train.json, mpii_val.json, mpii_gt_val.mat), as
# mmpose reads it.
# Splits: the search must not see the reported val, so `prepare_data` holds 1,000 images of train
# out of training. The annotations of train have no head boxes, which PCKh needs: there the length
# from the upper neck to the top of the head is the size of a head.
prepare_data = (
    'python tools/split_annotations.py data/mpii/annotations/mpii_train.json --search-images 1000'
)
dataset_type = 'MpiiDataset'
data_mode = 'topdown'
data_root = 'data/mpii/'
codec = dict(type='MSRAHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=2)
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='scalenas.TopdownRandomBox', scale=0.35, rotation=45.0),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=48,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/mpii_train-rest.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/mpii_val.json',
        headbox_file=data_root + 'annotations/mpii_gt_val.mat',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# Read by tools/search.py: what candidates are scored on.
search_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/mpii_train-search.json',
        headbox_file=data_root + 'annotations/mpii_train-search.mat',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
# Fixed training images without augmentation: 512 people at equal distances.
calibration_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/mpii_train-rest.json',
        data_prefix=dict(img='images/'),
        indices=list(range(0, 512 * 40, 40)),
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='MpiiPCKAccuracy')
test_evaluator = val_evaluator
