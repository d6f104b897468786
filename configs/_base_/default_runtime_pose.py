# Runtime of all pose configs: iterations, logs, checkpoints, seed.
# Class names without scope are mmpose's; ours are written as scalenas.X.
custom_imports = dict(
    imports=['scalenas.models', 'scalenas.training', 'scalenas.evaluation', 'scalenas.pose'],
    allow_failed_imports=False,
)
default_scope = 'mmpose'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
# Without a seed a resumed run would shuffle the data anew.
randomness = dict(seed=0)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='PoseLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # Two are kept: the older one goes before the newer one is written.
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2000, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='PoseVisualizationHook', enable=False),
    # For `--badcase` of mmpose's own tools/test.py.
    badcase=dict(
        type='BadCaseAnalysisHook',
        enable=False,
        out_dir='badcase',
        metric_type='loss',
        badcase_thr=5,
    ),
)
custom_hooks = [dict(type='scalenas.SpaceHook'), dict(type='scalenas.InvalidLossHook')]
