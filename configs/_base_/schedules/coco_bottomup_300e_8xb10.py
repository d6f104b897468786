# 300 epochs of the 64,115 images with people in batches of 80. Adam, rate 0.001, a tenth of it from
# epoch 200 and a hundredth from epoch 260 on; no weight decay.
# Source: ScaleNAS (Cheng et al. 2020), section 7.5. The paper does not print the batch size.
epoch = 64115 / 80
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.001))
param_scheduler = [
    dict(
        type='MultiStepLR',
        milestones=[round(200 * epoch), round(260 * epoch)],
        gamma=0.1,
        by_epoch=False,
    )
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=round(300 * epoch), val_interval=round(10 * epoch)
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=80)
