# What: ScaleNet-S0, trained on ImageNet, tuned to CIFAR-100 (100 classes, 50,000 images to train on).
# Source: ScaleNet (Xie et al. 2022), table 2 and appendix A: the settings of ImageNet's training without
#   the moving average, in batches of 256.
#   Images of 32x32 are cropped and enlarged to 224x224; how they were in the paper it does not say.
# Command: bash tools/dist_train.sh configs/scalenas_cls/finetune/scalenet_s0_8xb32-300e_cifar100.py 8 --amp
# Needs: data/cifar100, as mmpretrain's CIFAR100 reads it, and the weights of
#   configs/scalenas_cls/imagenet/scalenet_s0_8xb128-300e_imagenet.py (the last checkpoint's moving average).
# Expected: top-1 88.4 (paper, reported, not reproduced here).
_base_ = './scalenet_s0_8xb32-300e_cifar10.py'
train_dataloader = dict(dataset=dict(type='CIFAR100', data_root='data/cifar100'))
val_dataloader = dict(dataset=dict(type='CIFAR100', data_root='data/cifar100'))
test_dataloader = val_dataloader
model = dict(data_preprocessor=dict(num_classes=100), head=dict(num_classes=100))
