# What: ScaleNet-P4, found for COCO, as an ordinary mmpose model: finetuned for 20 epochs from the
#   weights that it has in the supernet.
# Source: ScaleNAS (Cheng et al. 2020), table 2 and section 7.4. The paper does not print the rate of
#   the finetuning; here it is the one that the supernet ended its epochs 170 to 200 with, and a tenth
#   of it from epoch 15 on.
# Command: tools/dist_train.sh \
#   configs/scalenas_pose/coco/scalenas_p4_8xb12-20e_coco-384x288.py 8
# Needs: its weights, see `load_from`:
#   python tools/export.py scalenas_p4 work_dirs/supernet_w48_8xb12-210e_coco-384x288/iter_327716.pth \
#   --config configs/scalenas_pose/coco/search_w48_coco-384x288.py
# Expected: 64.3 M parameters, 32.6 Gi multiply-adds at 384x288, head included
#   (reproduced by the tests). AP 77.0 (paper, reported, not reproduced here; with detected boxes).
_base_ = [
    '../../_base_/models/scale_heatmap.py',
    '../../_base_/datasets/coco_topdown_384x288.py',
    '../../_base_/schedules/coco_210e_8xb12.py',
    '../../_base_/default_runtime_pose.py',
]
model = dict(
    backbone=dict(arch='scalenas_p4'),
    head=dict(in_channels=48, decoder=_base_.codec),
)
load_from = 'exported/scalenas_p4.pth'
optim_wrapper = dict(optimizer=dict(lr=0.0001))
param_scheduler = [
    dict(type='MultiStepLR', milestones=[round(15 * _base_.epoch)], gamma=0.1, by_epoch=False)
]
train_cfg = dict(max_iters=round(20 * _base_.epoch), val_interval=round(5 * _base_.epoch))
