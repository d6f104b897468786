# What: topology evolution in the pose demo's supernet, 40 candidates on frames held out of training.
# Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1, with 40 instead of 2,000.
# Command: python tools/search.py configs/scalenas_pose/people/search_w16_people-128x96.py \
#   work_dirs/supernet_w16_1xb16-500_people-128x96/iter_500.pth
#   The same with random candidates: add --algorithm random.
# Expected and cost: see docs/demos.md.
_base_ = './supernet_w16_1xb16-500_people-128x96.py'
search = dict(
    algorithm=dict(
        type='topology_evolution',
        num_initial=16,
        initial='stratified',
        num_parents=8,
        num_total=40,
        p_crossover=0.25,
        # As in the demo of segmentation: few candidates must keep more of what their parents have.
        p_mutation=0.1,
        p_depth=0.1,
    ),
    objectives=(('coco/AP', 'max'), ('macs', 'min')),
    size=(128, 96),
    seed=0,
)
