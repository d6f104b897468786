# As coco_topdown_256x192.py, with crops of 384x288 and heatmaps of 96x72, of wider peaks as in HRNet
# (Sun et al. 2019). Batch 8 x 12 as in the authors' configs.
_base_ = './coco_topdown_256x192.py'
codec = dict(type='MSRAHeatmap', input_size=(288, 384), heatmap_size=(72, 96), sigma=3)
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
train_dataloader = dict(batch_size=12, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
search_dataloader = dict(dataset=dict(pipeline=test_pipeline))
calibration_dataloader = dict(batch_size=32, dataset=dict(pipeline=test_pipeline))
