# What: topology evolution in the demo's supernet with inner widths, as many candidates as in the
#   search without them: are fronts with inner widths better at the same number of evaluations?
# Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1; inner widths are not in it.
# Command: python tools/search.py configs/scalenas_seg/earth/search_w16-inner_earth-96x96.py \
#   work_dirs/supernet_w16-inner_1xb16-1k_earth-96x96/iter_1000.pth
#   Without inner widths, as a study of its own: configs/scalenas_seg/earth/search_w16_earth-96x96.py
#   with the checkpoint of configs/scalenas_seg/earth/supernet_w16_1xb16-1k_earth-96x96.py, or with
#   this one, whose widths are then all 1. Several seeds: --cfg-options search.seed=1
# Expected: not measured on land; docs/supernets.md has what inner widths are worth on scenes.
_base_ = './supernet_w16-inner_1xb16-1k_earth-96x96.py'
search = dict(
    algorithm=dict(
        type='topology_evolution',
        num_initial=24,
        initial='stratified',
        num_parents=12,
        num_total=72,
        p_crossover=0.25,
        p_mutation=0.1,
        p_depth=0.1,
        p_width=0.1,
    ),
    objectives=(('mIoU', 'max'), ('macs', 'min')),
    size=(96, 96),
    seed=0,
)
