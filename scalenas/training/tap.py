"""Reading an inner output of a model by module name, without touching the model."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from scalenas.errors import ConfigError

LOGITS = 'name a layer that computes the logits, such as decode_head.conv_seg'


def check_tap(model: nn.Module, name: str, where: str = 'distillation.tap') -> None:
    """Pass when `name` is a module of `model`.

    Raises:
        ConfigError: lists the names that are near.
    """
    if not isinstance(name, str):
        raise ConfigError(where=where, got=name, allowed='the name of a module')
    names = [known for known, _ in model.named_modules() if known]
    if name in names:
        return
    tail = name.rsplit('.', 1)[-1]
    near = dict.fromkeys(
        [known for known in names if known.rsplit('.', 1)[-1] == tail]
        + difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    )
    tops = [child for child, _ in model.named_children()]
    hint = f'near it: {", ".join(list(near)[:5])}' if near else f'it has {", ".join(tops)}'
    raise ConfigError('the model has no such module', where=where, got=name, hint=hint)


@contextmanager
def tapped(model: nn.Module, name: str) -> Iterator[list[Tensor]]:
    """While open, every output of the module `name` is appended to the list.

    Where it gives several tensors at once, as a neck does, each is appended.

    Raises:
        ConfigError: in the forward, when it gives anything else.
    """
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _args: object, output: object) -> None:
        parts = output if isinstance(output, list | tuple) else [output]
        for part in parts:
            if not isinstance(part, Tensor):
                raise ConfigError(
                    f'its output is a {type(part).__name__}',
                    where='distillation.tap',
                    got=name,
                    allowed='a module that gives tensors',
                    hint=LOGITS,
                )
            outputs.append(part)

    handle = model.get_submodule(name).register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()
