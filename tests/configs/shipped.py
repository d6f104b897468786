"""The shipped configs, read and built as they are."""

import copy
import functools
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope

from scalenas.registry import MODELS

REPO = Path(__file__).parents[2]
CONFIGS = sorted(
    str(path.relative_to(REPO))
    for path in (REPO / 'configs').rglob('*.py')
    if '_base_' not in path.parts
)


def read(config):
    """A copy of one's own: many tests read all configs."""
    return copy.deepcopy(_read(config))


@functools.cache
def _read(config):
    return Config.fromfile(REPO / config)


def build(model, scope):
    with DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(model)
