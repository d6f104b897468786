"""Which part of a config an error of somebody else's code comes from, read off its traceback.

mmengine builds every part by one function, whose frame holds the part, and runs it as an object
of the class that the part names. The innermost such frame is the part that failed, if no frame
of ours lies below it: what fails there is a fault of ours, and nobody's config explains it.
"""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from types import FrameType
from typing import Any

from mmengine.config import Config
from mmengine.runner import LogProcessor, Runner
from mmengine.runner.base_loop import BaseLoop
from torch import nn

from scalenas.stacks import DISTRIBUTIONS

from .parts import tables

Parts = Sequence[tuple[str, Mapping[str, Any]]]

LIBRARIES = ('torch', 'torchvision', 'numpy', 'cv2', 'PIL', *DISTRIBUTIONS)
"""Packages that configs describe parts of, wherever they are installed."""

BUILT_BY = {
    'setup_env': 'env_cfg',
    'set_randomness': 'randomness',
    'build_visualizer': 'visualizer',
    'build_model': 'model',
    'wrap_model': 'model_wrapper_cfg',
    'build_log_processor': 'log_processor',
    'build_logger': 'log_level',
    'register_default_hooks': 'default_hooks',
    'register_custom_hooks': 'custom_hooks',
    'build_optim_wrapper': 'optim_wrapper',
    'scale_lr': 'auto_scale_lr',
    '_check_scheduler_cfg': 'param_scheduler',
    'build_param_scheduler': 'param_scheduler',
    'build_train_loop': 'train_cfg',
    'build_val_loop': 'val_cfg',
    'build_test_loop': 'test_cfg',
    '_maybe_compile': 'compile',
}
"""Method of mmengine's Runner -> the variable that it builds."""


def blamed(cfg: Config, error: BaseException) -> str | None:
    """Place in the config of what raised `error`, '' for the config as a whole.

    None where the code of this package did, or of a module that the user wrote.
    """
    parts: Parts = list(tables(cfg))
    place: str | None = None
    names: dict[int, str] = {}
    for frame in _frames(error):
        if not _is_library(frame):
            place = None
            continue
        inner = _place(frame, parts, place or '', names)
        place = place if inner is None else inner
    return place


def in_loop(error: BaseException, kind: type[BaseLoop]) -> bool:
    """Whether a loop of this kind ran when `error` was raised."""
    return any(
        isinstance(frame.f_locals.get('self'), kind) and frame.f_code.co_name == 'run'
        for frame in _frames(error)
    )


def _frames(error: BaseException) -> list[FrameType]:
    """Where an error was raised, the outermost frame first."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if frames and frames[-1].f_code.co_name == 'call_hook' and error.__context__ is not None:
        # The Runner raises the TypeError of a hook anew; the hook's own is behind it.
        frames += _frames(error.__context__)
    return frames


def _is_library(frame: FrameType) -> bool:
    """Whether a frame runs somebody else's code: neither ours nor the user's."""
    top = str(frame.f_globals.get('__name__', '')).partition('.')[0]
    if top == 'scalenas':
        return False
    if top in LIBRARIES or top in sys.stdlib_module_names:
        return True
    return frame.f_code.co_filename.startswith(('<', *_installed()))


@cache
def _installed() -> tuple[str, ...]:
    return tuple(sysconfig.get_paths()[name] for name in ('stdlib', 'purelib', 'platlib'))


def _place(frame: FrameType, parts: Parts, near: str, names: dict[int, str]) -> str | None:
    """Place of what a frame builds or runs, None where it says nothing new."""
    function, values = frame.f_code.co_name, frame.f_locals
    module = str(frame.f_globals.get('__name__', ''))
    if module == 'mmengine.registry.build_functions':
        cfg = values.get('cfg')
        return _of_table(cfg, parts, near) if isinstance(cfg, Mapping) else near
    if function == 'build_dataloader' and module == 'mmengine.runner.runner':
        return _of_loader(values.get('dataloader'), parts)
    own = values.get('self')
    if function in BUILT_BY and module.startswith('mmengine.') and not isinstance(own, Runner):
        return BUILT_BY[function]
    if isinstance(own, Runner):
        if not names and isinstance(getattr(own, 'model', None), nn.Module):
            names.update({id(m): name for name, m in own.model.named_modules()})
        return BUILT_BY.get(function, near)
    if isinstance(own, LogProcessor):
        return 'log_processor'
    if isinstance(own, nn.Module) and id(own) in names:
        return _of_module(names[id(own)].removeprefix('module.'), parts)
    return None if own is None else _of_class(type(own), parts, near)


def _of_table(table: Mapping[str, Any], parts: Parts, near: str) -> str | None:
    """The part that `table` is a copy of, perhaps with more keys."""
    kind = table.get('type')
    named = isinstance(kind, str) or callable(kind)
    alike = [(place, part) for place, part in parts if not named or part.get('type') == kind]

    def likeness(entry: tuple[str, Mapping[str, Any]]) -> tuple[int, int]:
        place, part = entry
        return sum(_equal(table.get(key), value) for key, value in part.items()), _shared(
            place, near
        )

    return max(alike, key=likeness)[0] if alike else None


def _of_loader(table: Any, parts: Parts) -> str | None:
    loaders = [(p, part) for p, part in parts if p.endswith('_dataloader') and '.' not in p]
    if not isinstance(table, Mapping) or not loaders:
        return None

    def likeness(entry: tuple[str, Mapping[str, Any]]) -> int:
        return sum(_equal(table.get(key), value) for key, value in entry[1].items())

    return max(loaders, key=likeness)[0]


def _of_module(name: str, parts: Parts) -> str:
    """The deepest part of the model that the name of a module leads to."""
    known = {place for place, _ in parts}
    place = 'model'
    for step in name.split('.') if name else ():
        inner = next((p for p in (f'{place}.{step}', f'{place}[{step}]') if p in known), None)
        if inner is None:
            break
        place = inner
    return place


def _of_class(kind: type, parts: Parts, near: str) -> str | None:
    """The nearest part whose `type` names the class."""
    places = [
        place
        for place, part in parts
        if (isinstance(part.get('type'), str) and part['type'].split('.')[-1] == kind.__name__)
        or part.get('type') is kind
    ]
    return max(places, key=lambda place: _shared(place, near)) if places else None


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # of arrays or whatever else a config may hold
        return False


def _shared(one: str, other: str) -> int:
    """How many letters two places begin with; `train_cfg` is near to `train_dataloader`."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
