# What: the W48 supernet as the authors' released code trains it, where that differs from the
#   paper: cycle of 11 (a small net, the nine groups, the largest), distillation weight 0.5 and over
#   all pixels (also those without label), poly decay, and momentum and weight decay acting on weights
#   that a step does not use.
# Source: the code released with ScaleNAS (Cheng et al. 2020). There the cycle restarts in every
#   epoch of 123 iterations; here it runs on.
# Command: tools/dist_train.sh \
#   configs/scalenas_seg/cityscapes/supernet_w48_8xb3-484e-released_cityscapes-512x1024.py 8
# Needs and cost: as supernet_w48_8xb3-484e_cityscapes-512x1024.py.
# Expected: as supernet_w48_8xb3-484e_cityscapes-512x1024.py; the paper does not compare the two.
_base_ = './supernet_w48_8xb3-484e_cityscapes-512x1024.py'
model = dict(
    sampler=dict(released=True, smallest_fusion=0.1),
    distillation=dict(weight=0.5, ignore_index=None),
    inactive='decay',
)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=59996, by_epoch=False)]
find_unused_parameters = False
