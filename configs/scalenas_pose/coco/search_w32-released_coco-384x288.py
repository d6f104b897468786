# What: topology evolution in the W32 pose supernet with the numbers of the authors' code, where they are
#   not the paper's: 1,005 first nets, a fifth of the fusions flipped, the last front cut at its dear end.
# Source: the code released with ScaleNAS (Cheng et al. 2020): 67 nets of each of 15 groups. Not taken
#   over: its offspring keep the last module of their parent, and share modules that later ones change;
#   the reported images are those that candidates are scored on.
# Command: python tools/search.py configs/scalenas_pose/coco/search_w32-released_coco-384x288.py \
#   work_dirs/supernet_w32_8xb12-210e-released_coco-384x288/iter_327716.pth
# Expected: not run here.
_base_ = './supernet_w32_8xb12-210e-released_coco-384x288.py'
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
    objectives=(('coco/AP', 'max'), ('macs', 'min')),
    size=(384, 288),
    seed=0,
)
