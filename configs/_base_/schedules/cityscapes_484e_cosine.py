# 484 epochs of 2,975 images in batches of 24: 484 * 2975 / 24 = 59,996 iterations. With cities
# held out for the search an epoch has fewer images; the number of steps stays the paper's.
# Source: ScaleNAS (Cheng et al. 2020), section 7.3. The released code decays as poly instead: see
# the supernet configs named `released`. The learning rate is the teacher's.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=0, end=59996, T_max=59996, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=59996, val_interval=4000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=24)
