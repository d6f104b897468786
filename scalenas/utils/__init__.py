"""What mmengine.hub expects of every OpenMMLab package: `register_all_modules`."""

from __future__ import annotations

import importlib

from mmengine.registry import DefaultScope


def register_all_modules(init_default_scope: bool = True) -> None:
    """Import every room that registers something.

    `init_default_scope` makes `scalenas` the scope of unprefixed names, but never replaces the
    scope of a task package, which has to find its own heads and losses.
    """
    for room in ('registry', 'models', 'training', 'evaluation'):
        importlib.import_module(f'scalenas.{room}')
    if init_default_scope and DefaultScope.get_current_instance() is None:
        DefaultScope.get_instance('scalenas', scope_name='scalenas')
