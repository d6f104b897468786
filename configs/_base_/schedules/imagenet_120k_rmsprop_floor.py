# 120,000 iterations of 4,096 images: 384 epochs of 1,281,167. RMSProp, 5 epochs of linear warm-up,
# 3% off the rate every 2.4 epochs (750.7 iterations), constant from 5% of the first rate on. Batch
# norms and biases are not decayed.
# Source: BigNAS (Yu et al. 2020), section 4.2. The number of iterations is where the curves of its
# figures 5 and 6 end; the length of the warm-up, which section 4.3 mentions, is EfficientNet's.
# TensorFlow's RMSProp adds its epsilon of 0.001 below the root, PyTorch's beside it: 0.001 ** 0.5.
max_iters = 120000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='RMSprop', lr=0.256, alpha=0.9, momentum=0.9, eps=0.001**0.5, weight_decay=1e-5
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1564, by_epoch=False),
    dict(
        type='scalenas.ExponentialLRWithFloor',
        gamma=0.97,
        period=2.4 * 1281167 / 4096,
        floor=0.05,
        by_epoch=False,
    ),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=6000)
val_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
auto_scale_lr = dict(enable=False, base_batch_size=4096)
