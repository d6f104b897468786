# What: multi-scale topology evolution in the W32 pose supernet on COCO, 256x192.
# Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1: 1,000 random nets, then
#   offspring of the 100 best until 2,000 are evaluated. The random nets are drawn as in the authors'
#   code: in turn from 5 shares of fusions (0.2 to 0.8) times 3 pairs of depths.
# Command: python tools/search.py configs/scalenas_pose/coco/search_w32_coco-256x192.py \
#   work_dirs/supernet_w32_8xb48-210e_coco-256x192/iter_81929.pth
#   More workers: tools/dist_search.sh with the same arguments and the number of GPUs.
# Expected (paper, reported, not reproduced here), after 20 epochs of finetuning: P2 35.6 M, 8.0 Gi, AP 75.2.
# Candidates are validated on images held out of training, not on the reported split, with flip test
#   (model.architecture.test_cfg.flip_test=False halves the work, and goes into what is exported).
_base_ = './supernet_w32_8xb48-210e_coco-256x192.py'
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
    objectives=(('coco/AP', 'max'), ('macs', 'min')),
    size=(256, 192),
    seed=0,
)
