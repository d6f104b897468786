# 750,000 iterations of 1,024 images: SGD, 3,750 iterations of linear warm-up, cosine decay to zero.
# Source: ScaleNet (Xie et al. 2022), appendix A. There the warm-up rises to 0.2 and the cosine begins
# at 0.12; here it rises to where the cosine begins.
max_iters = 750000
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.12, momentum=0.9, weight_decay=4e-5),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=3750, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=3750, end=max_iters, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=25000)
val_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
test_cfg = dict(type='scalenas.SubnetValLoop', archs=('smallest', 'largest'))
auto_scale_lr = dict(enable=False, base_batch_size=1024)
