"""`activation_checkpointing` of mmengine's configs: checked before a run, and made exact.

mmengine runs the forward of the named modules without a graph and again backwards. Where no tensor
among the arguments needs a gradient (images; maps in a list, which it does not look into) that
gives weights no gradient and says nothing; and batch norms move their statistics twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, wraps
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from scalenas.errors import ConfigError
from scalenas.models.blocks import recomputed

from .hooks import unwrapped
from .tap import check_tap

KEY = 'activation_checkpointing'
BACKBONE = 'backbone'


def check_recomputed(cfg: Config, model: nn.Module) -> None:
    """Pass when the modules that `activation_checkpointing` names can be run again backwards.

    Raises:
        ConfigError: for a name of no module, of a module that never runs by itself, of one that
            contains the stem, and of one within another; for a model whose units are compiled.
    """
    names = recomputed_names(cfg)
    if names and getattr(model, 'compiles', False):
        raise ConfigError(
            'excludes model.compile_units', where=KEY, got=names, hint='drop one of both'
        )
    known = {name: module for name, module in model.named_modules() if name}
    for name in names:
        check_tap(model, name, KEY)
        if type(known[name]).forward is nn.Module.forward or isinstance(
            known[name], nn.ModuleList | nn.ModuleDict
        ):
            raise ConfigError(
                f'a {type(known[name]).__name__} never runs by itself, so nothing would be saved',
                where=KEY,
                got=name,
                hint=f'name what it holds, such as {name}.0',
            )
        if f'{_stem(model)}.'.startswith(f'{name}.'):
            raise ConfigError(
                'contains the stem, whose images need no gradient: its weights would get none',
                where=KEY,
                got=name,
                hint='set with_cp=True of the backbone, or name parts of it behind the stem',
            )
        outer = next((other for other in names if name.startswith(f'{other}.')), None)
        if outer is not None or names.count(name) > 1:
            raise ConfigError(
                f'is run again already, by {outer or name!r}', where=KEY, got=name, hint='drop it'
            )


def recomputed_names(cfg: Config) -> Sequence[str]:
    """What `activation_checkpointing` of a config names.

    Raises:
        ConfigError: when it is neither a name nor a list of names.
    """
    given = cfg.get(KEY)
    names = [given] if isinstance(given, str) else given or []
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfigError(where=KEY, got=given, allowed='the name of a module, or a list of names')
    return list(names)


def _stem(model: nn.Module) -> str:
    """Name of the first layer with weights: of the backbone, where there is one."""
    layers = [name for name, m in model.named_modules() if any(True for _ in m.parameters(False))]
    result: str = next((name for name in layers if BACKBONE in name.split('.')), layers[0])
    return result


class RecomputeHook(Hook):
    """Puts an exact second run in the place of mmengine's, once that has turned its own on."""

    priority = 'VERY_HIGH'

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def before_train(self, runner: Runner) -> None:
        """Wraps the forward that mmengine wrapped."""
        model = unwrapped(runner)
        for name in self.names:
            module: Any = model.get_submodule(name)
            own = getattr(module.forward, '__wrapped__', module.forward)
            module.forward = wraps(own)(partial(recomputed, module, own))
