# What: multi-scale topology evolution in the W48 supernet on Cityscapes.
# Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1: 1,000 random nets, then
#   offspring of the 100 best until 2,000 are evaluated. The random nets are drawn as in the authors'
#   code: in turn from 5 shares of fusions (0.2 to 0.8) times 3 pairs of depths.
# Command: python tools/search.py configs/scalenas_seg/cityscapes/search_w48_cityscapes.py \
#   work_dirs/supernet_w48_8xb3-484e_cityscapes-512x1024/iter_59996.pth
#   More workers: tools/dist_search.sh with the same arguments and the number of GPUs.
# Cost: 300 V100 hours (paper).
# Expected (paper, reported, not reproduced here): S4 67.5 M, 673.6 Gi, mIoU 82.0.
# Candidates are validated on images held out of training, not on the reported split.
_base_ = './supernet_w48_8xb3-484e_cityscapes-512x1024.py'
search = dict(
    algorithm=dict(
        type='topology_evolution',
        num_initial=1000,
        initial='stratified',
        num_parents=100,
        num_total=2000,
        p_crossover=0.25,
        p_mutation=0.5,
    ),
    objectives=(('mIoU', 'max'), ('macs', 'min')),
    size=(1024, 2048),
    seed=0,
)
