# What: one network alone, with labels, under the rate, dropout and decay of the single-stage model:
#   what its slices are compared with. The largest net of the space; narrow the space to one network
#   for another, as tools/demo.py bignas does.
# Source: BigNAS (Yu et al. 2020), section 4.2 compares with networks that were trained alone.
# Command: python tools/train.py configs/scalenas_cls/digits/alone_bignas_1xb64-400_digits-28x28.py
#   All runs of the comparison: python tools/demo.py bignas
# Needs: python tools/get_demo_data.py digits
# Expected: docs/bignas.md.
# Cost: a minute on one CPU thread.
_base_ = './supernet_bignas-ablation_1xb64-400_digits-28x28.py'
model = dict(sampler=dict(_delete_=True, type='fixed', seed=0, arch='largest'), distillation=None)
val_cfg = dict(archs=('largest',))
test_cfg = dict(archs=('largest',))
