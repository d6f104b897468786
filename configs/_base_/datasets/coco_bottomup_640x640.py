# COCO keypoints, whole images: cuts of 640x640 to train on, the short side at 640 to test.
# Source: ScaleNAS (Cheng et al. 2020), section 7.5: rotation within 30 degrees, scale 0.75 to 1.5,
# translation within 40 units of 1/200 of the cut (128 pixels), flip; heatmaps at a quarter and at half the size as in HigherHRNet
# (Cheng et al. 2020).
# The section prints a cut of 512x512 for all nets; here it is the input size of table 3, as
# HigherHRNet trains its nets of 640.
# Data: data/coco with train2017, val2017 and annotations, as mmpose reads it.
# What is crowd, or a person without labelled joints, is masked out of the heatmap losses.
dataset_type = 'CocoDataset'
data_mode = 'bottomup'
data_root = 'data/coco/'
codec = dict(
    type='scalenas.HigherAssociativeEmbedding',
    input_size=(640, 640),
    heatmap_sizes=[(160, 160), (320, 320)],
    sigma=2,
    # From head and trunk out to the limbs (Newell et al. 2017, section 3.2).
    decode_keypoint_order=[0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16],
    decode_keypoint_thr=0.1,
    decode_tag_thr=1.0,
    decode_topk=30,
    decode_max_instances=30,
)
train_pipeline = [
    dict(type='LoadImage'),
    dict(
        type='scalenas.BottomupRandomWarp',
        input_size=codec['input_size'],
        rotation=30.0,
        scale=(0.75, 1.5),
        translation=40.0,
    ),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='scalenas.BottomupMask'),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='scalenas.PyramidResize', input_size=codec['input_size'], aug_scales=None),
    dict(type='scalenas.PackPyramid'),
]
train_dataloader = dict(
    batch_size=10,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=train_pipeline,
    ),
)
# Images differ in size, and those of a batch may not.
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    ann_file=data_root + 'annotations/person_keypoints_val2017.json',
    nms_mode='none',
    score_mode='bbox',
)
test_evaluator = val_evaluator
