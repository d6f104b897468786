# What: the same super-supernet with stages that are drawn in proportion to their number of scalings: of its
#   1 + 12 + 12, so that one path in 25 is a base network that is not scaled, and not one in three.
# Source: ScaleNet (Xie et al. 2022), section 3.2 (equation 1 leaves eta open).
# Command: python tools/train.py \
#   configs/scalenas_cls/digits/supernet_scalenet-size_1xb64-1500_digits-28x28.py
# Needs: python tools/get_demo_data.py digits
# Expected: what `python tools/demo.py scalenet --long` prints; docs/scalenet.md.
_base_ = './supernet_scalenet_1xb64-1500_digits-28x28.py'
model = dict(sampler=dict(eta='size'))
