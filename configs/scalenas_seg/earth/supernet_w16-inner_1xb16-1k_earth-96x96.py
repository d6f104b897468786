# What: the supernet of the demo with inner widths: the blocks of each branch of a module may have
#   half or three quarters of the branch's channels inside. All else is that of the demo's supernet,
#   the teacher too: the largest net is the same.
# Source: the space is ScaleNAS's (Cheng et al. 2020, sections 3.2 to 3.4); inner widths are not in
#   the paper: slices of the first channels as in BigNAS (Yu et al. 2020), section 4.1.
# Command: python tools/train.py \
#   configs/scalenas_seg/earth/supernet_w16-inner_1xb16-1k_earth-96x96.py
# Needs: the teacher, see `init_from`.
# Expected: not measured on land; docs/supernets.md has what inner widths are worth on scenes.
_base_ = './supernet_w16_1xb16-1k_earth-96x96.py'
model = dict(architecture=dict(backbone=dict(space=dict(inner_widths=(0.5, 0.75, 1.0)))))
