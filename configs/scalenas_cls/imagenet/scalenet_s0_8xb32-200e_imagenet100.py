# What: a network of the search on 100 classes, trained from random weights: batches of 256, 200 epochs,
#   moving average of 0.99. ScaleNet-S0 stands here for the arch file of a search.
# Source: ScaleNet (Xie et al. 2022), appendix A: retraining in the ablations. ImageNet-100 has about
#   126,689 images (Tian et al. 2020): 495 iterations an epoch.
# Command: bash tools/dist_train.sh configs/scalenas_cls/imagenet/scalenet_s0_8xb32-200e_imagenet100.py 8 \
#   --amp --cfg-options model.backbone.arch=work_dirs/search_scalenet-half_imagenet100/stages/s0.yaml \
#   model.head.in_channels=640
#   For a scaled net, whose images are larger: tools/scale.py --config NEW.py --recipe THIS; docs/scalenet.md.
# Needs: data/imagenet/imagenet100.txt, one class folder (such as n02869837) a line, as in the code of
#   Tian et al. (HobbitLong/CMC on GitHub); images in folders of their classes, those of val too.
# Expected: not trained here.
_base_ = './scalenet_s0_8xb128-300e_imagenet.py'
class_list = 'data/imagenet/imagenet100.txt'
train_dataloader = dict(
    batch_size=32, dataset=dict(type='scalenas.ImageNetPart', class_list=class_list)
)
val_dataloader = dict(
    batch_size=32, dataset=dict(type='scalenas.ImageNetPart', class_list=class_list)
)
test_dataloader = val_dataloader
model = dict(data_preprocessor=dict(num_classes=100), head=dict(num_classes=100))
max_iters = 99000
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=1485, by_epoch=False),
    dict(type='StepLR', step_size=1188, gamma=0.97, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=4950)
custom_hooks = [
    dict(type='scalenas.InvalidLossHook'),
    dict(type='EMAHook', momentum=0.01, update_buffers=True, priority='ABOVE_NORMAL'),
]
auto_scale_lr = dict(base_batch_size=256)
