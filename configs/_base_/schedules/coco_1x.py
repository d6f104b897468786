# The 1x schedule: 12 epochs of the 117,266 annotated images of train2017 in batches of 16, that is
# 12 * 7,330 = 87,960 iterations; the rate falls to a tenth after 8 and 11 epochs.
# Source: ScaleNAS (Cheng et al. 2020), section 7.6; warm-up, momentum and weight decay as in mmdet.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0001),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=500, by_epoch=False),
    dict(
        type='MultiStepLR',
        milestones=[58640, 80630],
        gamma=0.1,
        begin=0,
        end=87960,
        by_epoch=False,
    ),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=87960, val_interval=7330)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=16)
