# What: the same super-supernet with the sampling that ScaleNet compares with: any depth meets any width
#   and any resolution, all evenly.
# Source: ScaleNet (Xie et al. 2022), section 3.2 and table 4 ("original").
# Command: python tools/train.py \
#   configs/scalenas_cls/digits/supernet_scalenet-uniform_1xb64-1500_digits-28x28.py
# Needs: python tools/get_demo_data.py digits
# Expected: what `python tools/demo.py scalenet` prints; docs/scalenet.md.
_base_ = './supernet_scalenet_1xb64-1500_digits-28x28.py'
space = dict(
    stages=[
        dict(
            depth=[1.0, 1.2, 1.4],
            width=[1.0, 1.15, 1.3],
            resolution=[1.0, 1.1, 1.2, 1.3, 1.4],
        )
    ]
)
model = dict(
    architecture=dict(backbone=dict(space=space)),
    sampler=dict(_delete_=True, type='uniform', seed=0),
)
