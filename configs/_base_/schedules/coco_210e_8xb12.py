# 210 epochs of 149,813 people in batches of 96. Adam, rate 0.001, a tenth of it from epoch 170 and a
# hundredth from epoch 200 on; no weight decay. With images held out for the search an epoch has
# fewer people; the number of steps stays the paper's.
# Source: ScaleNAS (Cheng et al. 2020), section 7.4; the supernet has the teacher's rate.
epoch = 149813 / 96
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.001))
param_scheduler = [
    dict(
        type='MultiStepLR',
        milestones=[round(170 * epoch), round(200 * epoch)],
        gamma=0.1,
        by_epoch=False,
    )
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=round(210 * epoch), val_interval=round(10 * epoch)
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=96)
