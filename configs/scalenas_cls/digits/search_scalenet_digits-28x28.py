# What: MCEA in the super-supernet of digits: a base network and the scalings of two stages, in turn.
# Source: ScaleNet (Xie et al. 2022), section 3.3, with numbers of this size.
# Command: python tools/search.py configs/scalenas_cls/digits/search_scalenet_digits-28x28.py \
#   work_dirs/supernet_scalenet_1xb64-1500_digits-28x28/iter_1500.pth
# Expected: what `python tools/demo.py scalenet` prints; docs/scalenet.md.
_base_ = './supernet_scalenet_1xb64-1500_digits-28x28.py'
search = dict(
    _delete_=True,
    algorithm=dict(
        type='mcea',
        base_macs='auto',
        base_samples=2000,
        base_step=100_000,
        growth=2.0,
        tolerance=0.25,
        num_bases=3,
        iterations=2,
        population=6,
        generations=3,
        num_total=400,
    ),
    objectives=(('accuracy/top1', 'max'), ('macs', 'min')),
    seed=0,
)
