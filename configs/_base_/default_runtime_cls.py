# Runtime of all classification configs: iterations, logs, checkpoints, seed.
# Class names without scope are mmpretrain's; ours are written as scalenas.X.
custom_imports = dict(
    imports=['scalenas.models', 'scalenas.training', 'scalenas.evaluation'],
    allow_failed_imports=False,
)
default_scope = 'mmpretrain'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
# Without a seed a resumed run would shuffle the data anew.
randomness = dict(seed=0)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=100, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Two are kept: the older one goes before the newer one is written.
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1251, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='VisualizationHook', enable=False),
)
custom_hooks = [dict(type='scalenas.SpaceHook'), dict(type='scalenas.InvalidLossHook')]
