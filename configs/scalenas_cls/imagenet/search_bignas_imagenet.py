# What: coarse-to-fine selection in the single-stage model of BigNAS: 160 networks of a grid, then
#   mutations of the best one within each of the four budgets of the paper's table.
# Source: BigNAS (Yu et al. 2020), sections 3.2 and 4.4: 5 resolutions, of which 256 is not trained
#   on, 4 depths, 2 widths, 4 kernel configurations, on training images, as the paper does because
#   its reported split must stay unseen. Which kernel configurations they were it does not say.
# Command: python tools/search.py configs/scalenas_cls/imagenet/search_bignas_imagenet.py \
#   work_dirs/supernet_bignas_64xb64-120k_imagenet/iter_120000.pth --device cuda
# Expected: not run here; the paper's nets have 242, 418, 659 and 1040 M multiply-adds.
_base_ = './supernet_bignas_64xb64-120k_imagenet.py'
model = dict(
    architecture=dict(backbone=dict(space='bignas_search')),
)
# Every 128th of the training images: 10,000, about ten of each class.
search_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='scalenas.SpreadImageNet',
        data_root={{_base_.data_root}},
        split='train',
        pipeline={{_base_.test_pipeline}},
        spread=10000,
    ),
)
search = dict(
    algorithm=dict(
        type='coarse_to_fine',
        grid=[
            dict(genes=['resolution'], levels=5),
            dict(genes=['*.depth'], levels=4),
            dict(genes=['stem', '*.width', 'conv_out'], levels=2),
            dict(
                settings=[
                    {'*.kernel': 3},
                    {'*.kernel': 3, 's[35].*.kernel': 5},
                    {'*.kernel': 3, 's[356].*.kernel': 5},
                    {'*.kernel': 3, 's[34567].*.kernel': 5},
                ]
            ),
        ],
        budgets=(242e6, 418e6, 659e6, 1040e6),
        p_mutation=0.1,
        num_total=560,
    ),
    objectives=(('accuracy/top1', 'max'), ('macs', 'min')),
    # No size: every network is counted at its own resolution.
    seed=0,
)
