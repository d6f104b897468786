"""As much of mmengine as the networks of this package ask for, where it is not installed.

A fresh machine with a GPU has torch; the networks need a base class and a registry beside it. To
import this module before the package puts the checkout on the path, and these into their place.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn


class BaseModule(nn.Module):
    """mmengine's, without initialization: weights are those of torch."""

    def __init__(self, init_cfg: Any = None) -> None:
        super().__init__()
        self.init_cfg = init_cfg


class Registry:
    """Takes everything, finds what it took."""

    def __init__(self, name: str, **options: Any) -> None:
        self.module_dict: dict[str, Any] = {}

    def register_module(
        self, name: str | None = None, force: bool = False, module: Any = None
    ) -> Any:
        """As a function, or as a decorator."""
        if module is None:
            return lambda kind: self.register_module(name, force, kind)
        self.module_dict[name or module.__name__] = module
        return module


class Config:
    """What is asked of the class when a registry is made."""

    @staticmethod
    def _get_cfg_path(base: str, filename: str) -> tuple[str, str | None]:
        raise NotImplementedError


def stand_in() -> bool:
    """Puts these in the place of mmengine if it is not there; True when it was not."""
    try:
        if importlib.util.find_spec('mmengine') is not None:
            return False
    except ModuleNotFoundError:
        pass
    names = (
        *('MODELS', 'MODEL_WRAPPERS', 'WEIGHT_INITIALIZERS', 'LOOPS', 'HOOKS', 'PARAM_SCHEDULERS'),
        *('TASK_UTILS', 'DATASETS', 'TRANSFORMS', 'METRICS'),
    )
    parts: dict[str, dict[str, Any]] = {
        'mmengine': {},
        'mmengine.model': {'BaseModule': BaseModule, 'PretrainedInit': object},
        'mmengine.logging': {'print_log': lambda *a, **k: None, 'HistoryBuffer': object},
        'mmengine.registry': {'Registry': Registry, **{name: Registry(name) for name in names}},
        'mmengine.config': {'Config': Config},
        'mmengine.config.utils': {'MODULE2PACKAGE': {}},
    }
    for name, content in parts.items():
        module = sys.modules[name] = ModuleType(name)
        module.__path__ = []
        vars(module).update(content)
        outer, _, last = name.rpartition('.')
        if outer:
            setattr(sys.modules[outer], last, module)
    return True


sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
STOOD_IN = stand_in()
