# A run of minutes on a CPU: SGD, linear warm-up, cosine decay to zero.
max_iters = 1000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.0005),
)
fused_optimizer = True
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=50, end=max_iters, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='scalenas.SubnetValLoop', archs=('largest',))
test_cfg = dict(type='scalenas.SubnetValLoop', archs=('largest',))
