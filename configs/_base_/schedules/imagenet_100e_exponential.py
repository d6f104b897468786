# 100 epochs of 1,281,167 images in batches of 1,024: 125,114 iterations. SGD, 5 epochs of linear
# warm-up, then the rate falls exponentially to 2% of its start. Batch norms are not decayed.
# Source: Dollar et al. 2021, section 6.1; the decay of weights is that of RegNets. Their weight averaging
# is a hook of the configs, mixed precision is `--amp` of tools/train.py.
max_iters = 125114
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=2.0, momentum=0.9, weight_decay=2e-5),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=6256, by_epoch=False),
    dict(
        type='ExponentialLR', gamma=0.02 ** (1 / max_iters), begin=0, end=max_iters, by_epoch=False
    ),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=12510)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=1024)
