# What: HigherHRNet with ScaleNAS-P4 as backbone, tested on COCO test-dev at three scales.
# Source: ScaleNAS (Cheng et al. 2020), table 3, lower half; HigherHRNet (Cheng et al. 2020).
# Command: python tools/test.py \
#   configs/scalenas_pose/coco_bottomup/higher_scalenas_p4_8xb10-300e-multiscale_coco-640x640.py CHECKPOINT
#   CHECKPOINT: of the same config without multiscale. Writes what COCO's server scores; data/coco
#   needs test2017 and annotations/image_info_test-dev2017.json. tools/train.py validates at three scales.
# Expected: AP on test-dev2017: 71.6 (paper, reported, not reproduced here).
_base_ = './higher_scalenas_p4_8xb10-300e_coco-640x640.py'
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='scalenas.PyramidResize', input_size=(640, 640), aug_scales=[0.5, 2.0]),
    dict(type='scalenas.PackPyramid'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(
        ann_file='annotations/image_info_test-dev2017.json',
        data_prefix=dict(img='test2017/'),
        pipeline=test_pipeline,
    )
)
model = dict(test_cfg=dict(multiscale_test=True))
test_evaluator = dict(
    ann_file='data/coco/annotations/image_info_test-dev2017.json',
    format_only=True,
    outfile_prefix='work_dirs/higher_scalenas_p4_8xb10-300e-multiscale_coco-640x640/test-dev',
)
