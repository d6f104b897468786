# What: MCEA with the numbers of the authors' code, where they are not the paper's: populations of 64, a
#   base of 306 M multiply-adds, and a tolerance of 25 M of them.
# Source: the released code of ScaleNet (luminolx/ScaleNet). Not taken over: scores for networks beyond
#   the budget averaged with accuracies, statistics of single batches, and one random base net in the
#   place of all when scalings are rated.
# Command: python tools/search.py configs/scalenas_cls/imagenet/search_scalenet-released_imagenet.py \
#   work_dirs/supernet_scalenet-released_32xb8-750k_imagenet/iter_750000.pth --device cuda
# Expected: not run here.
_base_ = './supernet_scalenet-released_32xb8-750k_imagenet.py'
search = dict(
    algorithm=dict(
        type='mcea',
        base_macs=306e6,
        growth=2.0,
        tolerance=25 / 306,
        num_stages=3,
        num_bases=20,
        iterations=8,
        population=64,
        generations=40,
    ),
    objectives=(('accuracy/top1', 'max'), ('macs', 'min')),
    seed=0,
)
