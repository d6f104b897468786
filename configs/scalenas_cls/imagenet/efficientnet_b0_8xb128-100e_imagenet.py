# What: EfficientNet-B0 with the recipe of fast scaling, which is the same for all its networks: the base of
#   its strategies, and what its table 5 reproduces EfficientNet with.
# Source: Dollar et al. 2021, section 6.1: SGD, 2.0 falling exponentially to 2%, weight decay 1e-5 (RegNets:
#   2e-5), mixup 0.2, label smoothing, AutoAugment, stochastic weight averaging. The schedule of 100 epochs
#   there is called 1x. Dropout and stochastic depth are not mentioned.
# Command: bash tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/efficientnet_b0_8xb128-100e_imagenet.py 8 --amp
#   A network scaled from it: python tools/scale.py efficientnet_b0 fast --max-macs 4e9 --config big.py \
#   --recipe configs/scalenas_cls/imagenet/efficientnet_b0_8xb128-100e_imagenet.py
#   2x and 4x: --cfg-options with max_iters, begin_iter and the ends of both schedules, and the gamma of
#   the second one as 0.02 ** (1 / max_iters).
# Expected: 5.3 M parameters, 0.39 G multiply-adds at 224x224, head included (tests).
#   Accuracy: not trained here.
_base_ = './regnetz_500mf_8xb128-100e_imagenet.py'
model = dict(
    backbone=dict(_delete_=True, type='scalenas.ScaleMBConvNet', arch='efficientnet_b0'),
    head=dict(in_channels=1280),
)
optim_wrapper = dict(optimizer=dict(weight_decay=1e-5))
