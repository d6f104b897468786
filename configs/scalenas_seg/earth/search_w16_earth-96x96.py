# What: topology evolution in the demo's supernet, 72 candidates on images held out of training.
# Source: ScaleNAS (Cheng et al. 2020), section 3.5 and algorithm 1, with 72 instead of 2,000.
# Command: python tools/search.py configs/scalenas_seg/earth/search_w16_earth-96x96.py \
#   work_dirs/supernet_w16_1xb16-1k_earth-96x96/iter_1000.pth
#   The same with random candidates: add --algorithm random.
# Expected and cost: see the table of the demo in README.md.
_base_ = './supernet_w16_1xb16-1k_earth-96x96.py'
search = dict(
    algorithm=dict(
        type='topology_evolution',
        num_initial=24,
        initial='stratified',
        num_parents=12,
        num_total=72,
        p_crossover=0.25,
        # The paper flips half of all switches: with two parents' generations to come and few
        # candidates, offspring must keep more of what their parents have.
        p_mutation=0.1,
        p_depth=0.1,
    ),
    objectives=(('mIoU', 'max'), ('macs', 'min')),
    size=(96, 96),
    seed=0,
)
