# What: ScaleNet-P2, found for COCO, as an ordinary mmpose model: finetuned for 20 epochs from the
#   weights that it has in the supernet.
# Source: ScaleNAS (Cheng et al. 2020), table 2 and section 7.4. The paper does not print the rate of
#   the finetuning; here it is the one that the supernet ended its epochs 170 to 200 with, and a tenth
#   of it from epoch 15 on.
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/coco/scalenas_p2_8xb48-20e_coco-256x192.py 8
# Needs: its weights, see `load_from`:
#   python tools/export.py scalenas_p2 work_dirs/supernet_w32_8xb48-210e_coco-256x192/iter_81929.pth \
#   --config configs/scalenas_pose/coco/search_w32_coco-256x192.py
# Expected: 35.6 M parameters, 8.0 Gi multiply-adds at 256x192, head included
#   (reproduced by the tests). AP 75.2 (paper, reported, not reproduced here; with detected boxes).
_base_ = [
    '../../_base_/models/scale_heatmap.py',
    '../../_base_/datasets/coco_topdown_256x192.py',
    '../../_base_/schedules/coco_210e_8xb48.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    backbone=dict(arch='scalenas_p2'),
    head=dict(decoder=_base_.codec),
)
load_from = 'exported/scalenas_p2.pth'
optim_wrapper = dict(optimizer=dict(lr=0.0001))
param_scheduler = [
    dict(type='MultiStepLR', milestones=[round(15 * _base_.epoch)], gamma=0.1, by_epoch=False)
]
train_cfg = dict(max_iters=round(20 * _base_.epoch), val_interval=round(5 * _base_.epoch))
# A block and its fusions in the last module are read by nothing, and get no gradient.
find_unused_parameters = True
