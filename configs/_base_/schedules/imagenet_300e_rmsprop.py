# 300 epochs of 1,281,167 images in batches of 1,024: 375,342 iterations. RMSProp, 3 epochs of linear
# warm-up to 0.08, then the rate falls by 3% every 2.4 epochs (3,003 iterations).
# Source: ScaleNet (Xie et al. 2022), appendix A. Batch norms are not decayed and epsilon stands below
# the root (TensorFlow's 0.001), as in EfficientNet's code: the paper says neither.
max_iters = 375342
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='RMSprop', lr=0.08, alpha=0.9, momentum=0.9, eps=0.001**0.5, weight_decay=1e-5
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=3753, by_epoch=False),
    dict(type='StepLR', step_size=3003, gamma=0.97, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=12510)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=1024)
