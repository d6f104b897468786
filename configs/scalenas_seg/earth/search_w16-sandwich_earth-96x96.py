# What: coarse-to-fine selection in the sandwich-trained supernet of the demo: 12 nets of a grid over
#   depths and fusions, then 18 mutations of the best of each of two budgets.
# Source: BigNAS (Yu et al. 2020), sections 3.2 and 4.4, for the space of ScaleNAS.
# Command: python tools/search.py configs/scalenas_seg/earth/search_w16-sandwich_earth-96x96.py \
#   work_dirs/supernet_w16-sandwich_1xb16-1k_earth-96x96/iter_1000.pth
# Expected: mIoU of 43.4 on the search split at 94 M multiply-adds; see docs/bignas.md.
_base_ = './supernet_w16-sandwich_1xb16-1k_earth-96x96.py'
search = dict(
    algorithm=dict(
        type='coarse_to_fine',
        grid=[
            dict(genes=['*.depth'], levels=4),
            # Fusions: none, those of the last stage, all.
            dict(settings=[{'*.f*': False}, {'*.f*': False, 's4.*.f*': True}, {'*.f*': True}]),
        ],
        budgets=(110e6, 160e6),
        p_mutation=0.05,
        num_total=48,
    ),
    objectives=(('mIoU', 'max'), ('macs', 'min')),
    size=(96, 96),
    seed=0,
)
