# What: the super-supernet as the authors' code trains it, where that is not what the paper says: 3 blocks
#   at every place, stages drawn by their numbers of widths, other resolutions, batch and decay.
# Source: the released code of ScaleNet (luminolx/ScaleNet): squeeze-excitation everywhere, of the expanded
#   width; hard swish; 375 iterations of warm-up, Nesterov, convolutions decayed twice as much, norms not;
#   0.1 of the label spread over the other classes. Not taken over: the counters that let a network use
#   other channels in every forward; align='both' says it by the network. Resolution 354 is the code's.
# Command: GPUS=32 bash tools/slurm_train.sh PARTITION JOB \
#   configs/scalenas_cls/imagenet/supernet_scalenet-released_32xb8-750k_imagenet.py WORK_DIR --amp
# On 8 GPUs, as many images an iteration: tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/supernet_scalenet-released_32xb8-750k_imagenet.py 8 --amp --cfg-options \
#   train_dataloader.batch_size=32
# Expected: not trained here.
_base_ = './supernet_scalenet_32xb32-750k_imagenet.py'
model = dict(
    architecture=dict(
        backbone=dict(space='scalenet_released', align='both'),
        head=dict(loss=dict(label_smooth_val=0.1 * 1000 / 999)),
    ),
    sampler=dict(eta='released'),
)
train_dataloader = dict(batch_size=8)
optim_wrapper = dict(
    optimizer=dict(nesterov=True, weight_decay=8e-5),
    paramwise_cfg=dict(norm_decay_mult=0.0, custom_keys={'head.fc': dict(decay_mult=0.5)}),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=375, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=375, end=750000, by_epoch=False),
]
auto_scale_lr = dict(base_batch_size=256)
