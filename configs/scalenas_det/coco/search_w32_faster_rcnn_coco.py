# What: multi-scale topology evolution in the W32 supernet with a detector as task model.
# Source: algorithm 1 of ScaleNAS (Cheng et al. 2020); no paper searched with a detector.
# Command: python tools/search.py configs/scalenas_det/coco/search_w32_faster_rcnn_coco.py \
#   work_dirs/supernet_w32_faster_rcnn_8xb2-1x_coco/iter_87960.pth
#   More workers: tools/dist_search.sh with the same arguments and the number of GPUs.
# Expected: unknown. Costs are of the whole detector: backbone, HRFPN, RPN on five levels, 1000 boxes.
# Candidates are validated on 5,000 images held out of training, not on the reported split.
_base_ = './supernet_w32_faster_rcnn_8xb2-1x_coco.py'
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
    objectives=(('coco/bbox_mAP', 'max'), ('macs', 'min')),
    size=(800, 1280),
    seed=0,
)
