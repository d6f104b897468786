# What: MCEA, the search of ScaleNet: a base network and the scalings of three stages, in turn.
# Source: ScaleNet (Xie et al. 2022), section 3.3 and appendix A: K=20, T=8, NSGA-II with P=50, N=40. The
#   budget of the base is "a multiple of 50M near the mean": ScaleNet-S0 has 350 M multiply-adds. The
#   nearest multiple, base_macs='auto', is 300 M. The paper gives no tolerance: 0.1 here.
# Command: python tools/search.py configs/scalenas_cls/imagenet/search_scalenet_imagenet.py \
#   work_dirs/supernet_scalenet_32xb32-750k_imagenet/iter_750000.pth --device cuda
#   Given again with the same storage, on any machine, it shares the candidates.
# Expected: not run here; the paper's nets have 0.35, 0.80, 1.45 and 2.76 G multiply-adds (its count).
_base_ = './supernet_scalenet_32xb32-750k_imagenet.py'
search = dict(
    algorithm=dict(
        type='mcea',
        base_macs=350e6,
        growth=2.0,
        tolerance=0.1,
        num_stages=3,
        num_bases=20,
        iterations=8,
        population=50,
        generations=40,
    ),
    objectives=(('accuracy/top1', 'max'), ('macs', 'min')),
    # No size: every network is counted at its own resolution.
    seed=0,
)
