# coco_detection_800x1333.py with a split for searches: the last 5,000 images of train2017 are
# held out of training, for the search must not see the reported val2017. Of the 117,266 images
# with annotations, training takes the first 112,266; without them there are 118,287.
_base_ = './coco_detection_800x1333.py'
train_dataloader = dict(dataset=dict(indices=112266))
# Read by tools/search.py: what candidates are scored on.
search_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=_base_.dataset_type,
        data_root=_base_.data_root,
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017/'),
        indices=-5000,
        test_mode=True,
        pipeline=_base_.test_pipeline,
    ),
)
# The truth comes from the samples: the annotation file has all of train2017.
search_evaluator = dict(type='CocoMetric', metric='bbox')
# 24 fixed training images without augmentation, evenly spread.
calibration_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=_base_.dataset_type,
        data_root=_base_.data_root,
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        indices=list(range(0, 112266, 4678)),
        pipeline=_base_.test_pipeline,
    ),
)
