# What: topology evolution in the supernet of the table benchmark, 200 of its 4,096 networks.
# Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1, with 200 instead of 2,000.
# Command: python tools/search.py configs/scalenas_seg/scenes/search_w8_scenes-64x64.py \
#   work_dirs/supernet_w8_1xb16-1200_scenes-64x64/iter_1200.pth
# Expected: what `scalenas.benchmarks.hr_scenes.load().search(...)` finds in a second; docs/rank.md.
_base_ = './supernet_w8_1xb16-1200_scenes-64x64.py'
search = dict(
    algorithm=dict(
        type='topology_evolution',
        num_initial=50,
        initial='stratified',
        num_parents=20,
        num_total=200,
        p_crossover=0.25,
        p_mutation=0.1,
        p_depth=0.1,
    ),
    objectives=(('mIoU', 'max'), ('macs', 'min')),
    size=(64, 64),
    seed=0,
)
