# 350 epochs of 1,281,167 images in batches of 1,024: 437,899 iterations. RMSProp, 5 epochs of linear
# warm-up, then the rate falls by 3% every 2.4 epochs (3,003 iterations). Batch norms are not decayed.
# Source: Tan and Le 2019, section 5; the released code gives what the paper leaves out: epochs, warm-up,
# and a rate of 0.016 for 256 images (0.256, as printed, belongs to its batches of 4,096).
# TensorFlow's RMSProp adds its epsilon of 0.001 below the root, PyTorch's beside it: 0.001 ** 0.5.
max_iters = 437899
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='RMSprop', lr=0.064, alpha=0.9, momentum=0.9, eps=0.001**0.5, weight_decay=1e-5
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=6256, by_epoch=False),
    dict(type='StepLR', step_size=3003, gamma=0.97, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=12510)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=False, base_batch_size=1024)
