# Runtime of bottom-up pose configs: that of all pose configs, and what mmpose has not.
_base_ = './default_runtime_pose.py'
custom_imports = dict(
    imports=['scalenas.models', 'scalenas.training', 'scalenas.evaluation', 'scalenas.pose'],
    allow_failed_imports=False,
)
