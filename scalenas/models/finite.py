"""Whether what a net computes stays finite: NaN has an argmax, and so a score, like any number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from scalenas.errors import UserError

BACKBONE = 'backbone'
STATISTICS = ('running_mean', 'running_var')


class OutputWatch:
    """The smallest and largest value that each watched module gave since the last look.

    Watched are a model's backbone as a whole and every layer with weights around it: what comes
    after them picks, sorts and cuts off, which turns NaN into ordinary numbers. Running statistics
    are looked at once, at the start: with an infinite variance a norm gives its bias for any image.
    """

    def __init__(self, model: nn.Module) -> None:
        members = dict(model.named_modules())
        self._ranges = _broken_statistics(members)
        self._handles = [
            module.register_forward_hook(partial(self._look, name or type(module).__name__))
            for name, module in _watched(members)
        ]

    def remove(self) -> None:
        """Looks at nothing from here on."""
        for handle in self._handles:
            handle.remove()

    def broken(self) -> str | None:
        """The first module or statistic that was not finite since the last call."""
        ranges, self._ranges = self._ranges, {}
        if not ranges:
            return None
        # All at once, for a GPU is waited for only then.
        first = torch.stack([ends for values in ranges.values() for ends in values])
        if bool(torch.isfinite(first).all()):
            return None
        return next(n for n, v in ranges.items() if not bool(torch.isfinite(torch.stack(v)).all()))

    def check(self, error: type[UserError]) -> None:
        """Pass when all that was watched since the last look is finite.

        Raises:
            error: names the first module that gave something else.
        """
        if (name := self.broken()) is not None:
            raise error(
                'is not finite (NaN or infinite), so the net has no score',
                where=f'model.{name}',
                hint='look at the weights, at mean and std of data_preprocessor, and at what is '
                'evaluated in half precision',
            )

    def _look(self, name: str, _module: nn.Module, _args: object, output: object) -> None:
        for part in _tensors(output):
            if part.numel() and part.is_floating_point() and not part.is_meta:
                self._ranges.setdefault(name, []).append(_ends(part))


@contextmanager
def watched(model: nn.Module) -> Iterator[OutputWatch]:
    """Inside, what `model` computes is watched."""
    watch = OutputWatch(model)
    try:
        yield watch
    finally:
        watch.remove()


def _broken_statistics(members: Mapping[str, nn.Module]) -> dict[str, list[Tensor]]:
    """Smallest and largest value of every running statistic, if any is not finite; else nothing."""
    buffers = {
        f'{name}.{key}' if name else key: buffer
        for name, module in members.items()
        for key in STATISTICS
        if (buffer := module._buffers.get(key)) is not None
    }
    # There may be thousands, and to look at them one by one takes as long as a small net's forward.
    values = [buffer.detach().flatten() for buffer in buffers.values()]
    if not values or bool(torch.isfinite(_ends(torch.cat(values))).all()):
        return {}
    return {name: [_ends(buffer)] for name, buffer in buffers.items()}


def _ends(value: Tensor) -> Tensor:
    """(2,): the smallest and the largest value; NaN where one is."""
    return torch.stack(value.detach().aminmax()).double()


def _watched(members: Mapping[str, nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    for name, module in members.items():
        if BACKBONE in name and BACKBONE in (path := name.split('.')):
            if path[-1] == BACKBONE:
                yield name, module
        elif any(True for _ in module.parameters(recurse=False)):
            yield name, module


def _tensors(output: object) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, list | tuple):
        for part in output:
            yield from _tensors(part)
    elif isinstance(output, dict):
        yield from _tensors(list(output.values()))
