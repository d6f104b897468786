# People on video frames, 160x90 pixels, one class; boxes about the keypoints of the pose demo's data.
# Source: python tools/get_demo_data.py people writes data/people; the labels are pseudo-labels.
# Splits: training (420 people on 252 frames of three cameras), search (30 people, 10 later frames of
# each), test (100 on 100 frames of a fourth camera, which was never seen; reported).
_base_ = './boxes_1xb4.py'
prepare_data = 'python tools/get_demo_data.py people'
data_root = 'data/people/'
metainfo = dict(classes=('person',), palette=[(0, 158, 115)])
scale = (90, 160)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    # The fourth camera sees people at another place, of another size, in another light.
    dict(
        type='RandomAffine',
        max_rotate_degree=0.0,
        max_translate_ratio=0.1,
        scaling_ratio_range=(0.8, 1.4),
        max_shear_degree=0.0,
    ),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/person_keypoints_train_cam4.json',
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/person_keypoints_search_cam4.json',
        pipeline=test_pipeline,
    )
)
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/person_keypoints_test_cam4.json',
        pipeline=test_pipeline,
    )
)
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_search_cam4.json')
test_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_test_cam4.json')
