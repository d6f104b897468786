# What: the W32 pose supernet as the authors' released code trains it, where that differs from the paper:
#   cycle of 11 (the smallest net, the nine groups, the largest), distillation over all heatmaps (also
#   those of joints without label), and momentum acting on weights that a step does not use.
# Source: the code released with ScaleNAS (Cheng et al. 2020), which has no script that trains for pose:
#   the weight of the distillation is 1, the default of its function. The cycle restarts there in every
#   epoch; here it runs on.
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/mpii/supernet_w32_8xb48-210e-released_mpii-256x256.py 8
# Needs and cost: as supernet_w32_8xb48-210e_mpii-256x256.py.
# Expected: as supernet_w32_8xb48-210e_mpii-256x256.py; the paper does not compare the two.
_base_ = './supernet_w32_8xb48-210e_mpii-256x256.py'
model = dict(
    sampler=dict(released=True, smallest_fusion=0.0),
    distillation=dict(use_target_weight=False),
    inactive='decay',
)
find_unused_parameters = False
