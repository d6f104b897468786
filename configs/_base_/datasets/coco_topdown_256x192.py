# COCO keypoints, one person at a time: the box, widened to 4:3 and by a quarter, cropped to 256x192.
# Source: ScaleNAS (Cheng et al. 2020), section 7.4, which follows HRNet (Sun et al. 2019): scale 0.65 to
# 1.35, rotation by 45 degrees, flip; heatmaps. Their laws are those of HRNet's released code: normal and
# clipped (rotations at 90 degrees), and of more than 8 joints that are visible, three times in ten those
# of one half of the body alone: the upper one with a probability of 0.6915 (a standard normal value
# below 0.5), if either half has more than 2. Batch 8 x 48 as in the authors' configs.
# Data: data/coco with train2017, val2017 and annotations, as mmpose reads it.
# Splits: the search must not see the reported val2017, so `prepare_data` holds 2,500 images of
# train2017 out of training.
# Boxes are those of the annotations. To test on detected ones instead:
#   --cfg-options test_dataloader.dataset.bbox_file=data/coco/person_detection_results/COCO_val2017_detections_AP_H_56_person.json
prepare_data = (
    'python tools/split_annotations.py data/coco/annotations/person_keypoints_train2017.json '
    '--search-images 2500'
)
dataset_type = 'CocoDataset'
data_mode = 'topdown'
data_root = 'data/coco/'
codec = dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomHalfBody',
        min_total_keypoints=9,
        min_upper_keypoints=3,
        min_lower_keypoints=3,
        prob=0.3,
        upper_prioritized_prob=0.6915,
    ),
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
        ann_file='annotations/person_keypoints_train2017-rest.json',
        data_prefix=dict(img='train2017/'),
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
        ann_file='annotations/person_keypoints_val2017.json',
        bbox_file=None,
        data_prefix=dict(img='val2017/'),
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
        ann_file='annotations/person_keypoints_train2017-search.json',
        data_prefix=dict(img='train2017/'),
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
        ann_file='annotations/person_keypoints_train2017-rest.json',
        data_prefix=dict(img='train2017/'),
        indices=list(range(0, 512 * 250, 250)),
        pipeline=test_pipeline,
    ),
)
# With the file of its own split each: CocoMetric would take that of whichever was built last.
val_evaluator = dict(
    type='CocoMetric', ann_file=data_root + 'annotations/person_keypoints_val2017.json'
)
test_evaluator = val_evaluator
search_evaluator = dict(
    type='CocoMetric', ann_file=data_root + 'annotations/person_keypoints_train2017-search.json'
)
