# What: topology evolution in the W48 supernet on Cityscapes with the numbers of the authors' code, where
#   they are not the paper's: 1,005 first nets, a fifth of the fusions flipped, the last front cut at its
#   dear end.
# Source: the code released with ScaleNAS (Cheng et al. 2020): 67 nets of each of 15 groups. Not taken
#   over: its offspring keep the last module of their parent, and share modules that later ones change;
#   the reported images are those that candidates are scored on.
# Command: python tools/search.py configs/scalenas_seg/cityscapes/search_w48-released_cityscapes.py \
#   work_dirs/supernet_w48_8xb3-484e-released_cityscapes-512x1024/iter_59996.pth
# Expected: not run here.
_base_ = './supernet_w48_8xb3-484e-released_cityscapes-512x1024.py'
search = dict(
    algorithm=dict(
        type='topology_evolution',
        num_initial=1005,
        initial='stratified',
        num_parents=100,
        num_total=2000,
        p_crossover=0.25,
        p_mutation=0.2,
        cut='cheapest',
    ),
    objectives=(('mIoU', 'max'), ('macs', 'min')),
    size=(1024, 2048),
    seed=0,
)
