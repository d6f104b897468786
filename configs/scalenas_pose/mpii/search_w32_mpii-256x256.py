# What: multi-scale topology evolution in the W32 pose supernet on MPII, 256x256.
# Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1: 1,000 random nets, then
#   offspring of the 100 best until 2,000 are evaluated. The random nets are drawn as in the authors'
#   code: in turn from 5 shares of fusions (0.2 to 0.8) times 3 pairs of depths.
# Command: python tools/search.py configs/scalenas_pose/mpii/search_w32_mpii-256x256.py \
#   work_dirs/supernet_w32_8xb48-210e_mpii-256x256/iter_12166.pth
#   More workers: tools/dist_search.sh with the same arguments and the number of GPUs.
# Expected: no number; the paper does not search on MPII.
# Candidates are validated on images held out of training, not on the reported split, with flip test
#   (model.architecture.test_cfg.flip_test=False halves the work, and goes into what is exported).
_base_ = './supernet_w32_8xb48-210e_mpii-256x256.py'
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
    objectives=(('PCK', 'max'), ('macs', 'min')),
    size=(256, 256),
    seed=0,
)
