# Human poses on video frames of four cameras, 17 keypoints, one person at a time, cropped to 128x96.
# Source: python tools/get_demo_data.py people writes data/people; the labels are pseudo-labels.
# Splits by time: training frames 0-47 (288 people), search 52-61 (40, held out of training),
# test 72-99 (112, reported). To test on a camera that was never seen, put `_cam4` behind the names
# of all annotation files.
prepare_data = 'python tools/get_demo_data.py people'
dataset_type = 'CocoDataset'
data_mode = 'topdown'
data_root = 'data/people/'
codec = dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1)
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0.0, scale_factor=(0.75, 1.25), rotate_factor=30.0),
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
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_test.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
# Read by tools/search.py: what candidates are scored on.
search_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_search.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
# Fixed training images without augmentation: 72 people at equal distances.
calibration_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_train.json',
        data_prefix=dict(img='images/'),
        indices=list(range(0, 288, 4)),
        pipeline=test_pipeline,
    ),
)
# With the file of its own split each: CocoMetric would take that of whichever was built last.
pck = dict(type='PCKAccuracy', thr=0.1)
val_evaluator = [
    dict(type='CocoMetric', ann_file=data_root + 'annotations/person_keypoints_test.json'),
    pck,
]
test_evaluator = val_evaluator
search_evaluator = [
    dict(type='CocoMetric', ann_file=data_root + 'annotations/person_keypoints_search.json'),
    pck,
]
