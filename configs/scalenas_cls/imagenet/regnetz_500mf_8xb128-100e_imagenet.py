# What: RegNetZ-500MF, the base net of fast scaling, as an ordinary mmpretrain classifier.
# Source: Dollar et al. 2021, section 6.1; the schedule of 100 epochs there is called 1x.
# Command: bash tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/regnetz_500mf_8xb128-100e_imagenet.py 8 --amp
# Expected: 7.1 M parameters, 0.5 G multiply-adds at 224x224, head included (tests).
#   Accuracy: not trained here.
_base_ = [
    '../../_base_/models/scale_classifier.py',
    '../../_base_/datasets/imagenet_224x224.py',
    '../../_base_/schedules/imagenet_100e_exponential.py',
    '../../_base_/default_runtime_cls.py',
]
# The average of the weights after each of the last 25 epochs. The paper leaves open how many; statistics of
# batch norms are averaged, too.
custom_hooks = [
    dict(type='scalenas.InvalidLossHook'),
    dict(
        type='EMAHook',
        ema_type='StochasticWeightAverage',
        begin_iter=93835,
        interval=1251,
        update_buffers=True,
        priority='ABOVE_NORMAL',
    ),
]
