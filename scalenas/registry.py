"""Registries of the scope `scalenas`: children of mmengine's, filled when a config names a class.

mmengine imports this module when it meets `type='scalenas.X'` and hides an ImportError raised
here, so nothing but mmengine and modules without requirements may be imported.
"""

from mmengine import registry as mmengine
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry

from scalenas.stacks import installed, warn_of_mixed_stacks

MODELS = Registry(
    'model',
    parent=mmengine.MODELS,
    locations=['scalenas.models', 'scalenas.tasks', 'scalenas.training'],
)
MODEL_WRAPPERS = Registry(
    'model wrapper', parent=mmengine.MODEL_WRAPPERS, locations=['scalenas.training']
)
WEIGHT_INITIALIZERS = Registry(
    'weight initializer', parent=mmengine.WEIGHT_INITIALIZERS, locations=['scalenas.models']
)
LOOPS = Registry(
    'loop', parent=mmengine.LOOPS, locations=['scalenas.training', 'scalenas.evaluation']
)
HOOKS = Registry('hook', parent=mmengine.HOOKS, locations=['scalenas.training'])
PARAM_SCHEDULERS = Registry(
    'parameter scheduler', parent=mmengine.PARAM_SCHEDULERS, locations=['scalenas.training']
)
TASK_UTILS = Registry(
    'task util', parent=mmengine.TASK_UTILS, locations=['scalenas.training', 'scalenas.evaluation']
)
DATASETS = Registry(
    'dataset',
    parent=mmengine.DATASETS,
    # Each needs its package, and one that is not there must not stand in the other's way.
    locations=[
        f'scalenas.datasets.{package}_datasets'
        for package in ('mmseg', 'mmpretrain')
        if installed(package)
    ],
)
TRANSFORMS = Registry('transform', parent=mmengine.TRANSFORMS, locations=['scalenas.training'])
METRICS = Registry('metric', parent=mmengine.METRICS, locations=['scalenas.evaluation'])

# `_base_ = 'scalenas::...'` and `_base_ = 'mmseg::...'` look their distribution up in this table,
# which knows neither us nor OneDL's mmsegmentation; mmengine.hub would install the upstream one
# over it. Without any mmseg the table stays: hub would install whatever is published as `mmseg`.
MODULE2PACKAGE.setdefault('scalenas', 'scalenas')
if set(installed('mmseg')) == {'onedl-mmsegmentation'}:
    MODULE2PACKAGE['mmseg'] = 'mmseg'


_path_of = Config._get_cfg_path


def _path_and_scope(base: str, filename: str) -> tuple[str, str | None]:
    """mmengine's search for a base config, without a scope for ours.

    What a base of `mmseg::` names is looked up in mmseg. Our configs name the classes of the task
    packages without a prefix, and ours with one: they mean the scope of whoever inherits them.
    """
    path, scope = _path_of(base, filename)
    return path, None if scope == 'scalenas' else scope


Config._get_cfg_path = staticmethod(_path_and_scope)

warn_of_mixed_stacks()
