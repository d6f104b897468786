# 100 epochs of 1,281,167 images in batches of 768: 166,819 iterations. SGD with Nesterov's momentum,
# rate 0.3, a tenth of it from epochs 30, 60 and 90 on.
# Source: ScaleNAS (Cheng et al. 2020), section 7.2.
epoch = 1281167 / 768
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.3, momentum=0.9, nesterov=True, weight_decay=1e-4),
)
param_scheduler = [
    dict(
        type='MultiStepLR',
        milestones=[round(30 * epoch), round(60 * epoch), round(90 * epoch)],
        gamma=0.1,
        by_epoch=False,
    )
]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=round(100 * epoch), val_interval=round(10 * epoch)
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=768)
