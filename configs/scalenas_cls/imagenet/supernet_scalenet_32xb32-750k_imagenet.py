# What: the super-supernet of ScaleNet on ImageNet, with hierarchical sampling; 50 images of each class
#   are held out of training for the search.
# Source: ScaleNet (Xie et al. 2022), section 3.2, tables 6 and 7, appendix A.
# Command: GPUS=32 bash tools/slurm_train.sh PARTITION JOB \
#   configs/scalenas_cls/imagenet/supernet_scalenet_32xb32-750k_imagenet.py WORK_DIR --amp
# On 8 GPUs, four iterations an update: tools/dist_train.sh \
#   configs/scalenas_cls/imagenet/supernet_scalenet_32xb32-750k_imagenet.py 8 --amp --cfg-options \
#   optim_wrapper.accumulative_counts=4 train_cfg.max_iters=3000000 train_cfg.val_interval=100000 \
#   param_scheduler.0.end=15000 param_scheduler.1.begin=15000 param_scheduler.1.end=3000000
#   An update is then the mean over four paths, not of one; where memory allows, take instead
#   --cfg-options train_dataloader.batch_size=128
# Expected: not trained here; the paper gives no accuracy of the super-supernet. Cost there: 379 days of a
#   V100 for training and search.
_base_ = [
    '../../_base_/models/super_scalenet_imagenet.py',
    '../../_base_/datasets/imagenet_minival_352x352.py',
    '../../_base_/schedules/imagenet_750k_cosine.py',
    '../../_base_/default_runtime_cls.py',
]
default_hooks = dict(checkpoint=dict(interval=5000))
