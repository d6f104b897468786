# What: the super-supernet of ScaleNet's ablations: half as wide, on 100 classes of ImageNet.
# Source: ScaleNet (Xie et al. 2022), appendix A; its classes are those of Tian et al. 2020 (contrastive
#   multiview coding), a list that is not shipped here.
# Command: bash tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/supernet_scalenet-half_8xb32-150k_imagenet100.py 8 --amp
# Needs: data/imagenet/imagenet100.txt, one class folder (such as n02869837) a line, as in the code of
#   Tian et al. (HobbitLong/CMC on GitHub); images in folders of their classes, those of val too.
# Expected: not trained here.
_base_ = './supernet_scalenet_32xb32-750k_imagenet.py'
class_list = 'data/imagenet/imagenet100.txt'
model = dict(
    architecture=dict(
        data_preprocessor=dict(num_classes=100),
        backbone=dict(space='scalenet_half'),
        head=dict(num_classes=100, in_channels=640),
    ),
)
train_dataloader = dict(dataset=dict(class_list=class_list))
val_dataloader = dict(dataset=dict(class_list=class_list))
test_dataloader = val_dataloader
search_dataloader = dict(dataset=dict(class_list=class_list))
calibration_dataloader = dict(dataset=dict(class_list=class_list))
max_iters = 150000
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=375, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=375, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=5000)
auto_scale_lr = dict(base_batch_size=256)
