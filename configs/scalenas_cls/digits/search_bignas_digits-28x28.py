# What: coarse-to-fine selection in the single-stage model of digits: 48 nets of a grid, then
#   mutations of the best one within each of two budgets.
# Source: BigNAS (Yu et al. 2020), sections 3.2 and 4.4.
# Command: python tools/search.py configs/scalenas_cls/digits/search_bignas_digits-28x28.py \
#   work_dirs/supernet_bignas_1xb64-600_digits-28x28/iter_600.pth
# Expected: docs/bignas.md has the table of one run; three minutes on a busy CPU.
_base_ = './supernet_bignas_1xb64-600_digits-28x28.py'
search = dict(
    algorithm=dict(
        type='coarse_to_fine',
        grid=[
            dict(genes=['resolution'], levels=4),
            dict(genes=['*.depth'], levels=3),
            dict(genes=['stem', '*.width', '*.expand', 'conv_out'], levels=2),
            dict(genes=['*.kernel'], levels=2),
        ],
        budgets=(0.4e6, 1.0e6),
        p_mutation=0.1,
        num_total=96,
    ),
    objectives=(('accuracy/top1', 'max'), ('macs', 'min')),
    seed=0,
)
