"""Where a supernet's weights come from: the checkpoint of a net of the same space."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from scalenas.arch import find
from scalenas.arch.strict import as_choice, as_mapping
from scalenas.errors import ConfigError
from scalenas.models.checkpoint import (
    check_made,
    check_space,
    check_values,
    check_weights,
    load_checkpoint,
)
from scalenas.models.growth import grow, read_stock
from scalenas.models.installed import Installed, installable
from scalenas.models.pretrained import sources, unlike
from scalenas.models.supernet import locate
from scalenas.space import AbstractSpace


@dataclass(frozen=True)
class Start:
    """A checkpoint to start from; `made_by` is the command that makes it, for the message.

    With `installed`, `checkpoint` is the name of a network of which a package has weights.

    Raises:
        ConfigError: when `checkpoint` is no path.
    """

    checkpoint: str
    where: str = 'init_from'
    made_by: str | None = None
    stock: bool = False
    arch: Any = None
    source: str = ''
    installed: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.checkpoint, str):
            raise ConfigError(
                where=self.where, got=self.checkpoint, allowed='the path of a checkpoint'
            )

    @classmethod
    def from_config(cls, data: str | Mapping[str, Any] | None) -> Start | None:
        """From a path, or `dict(checkpoint=..., made_by=...)`."""
        if data is None:
            return None
        if isinstance(data, str):
            return cls(data)
        if isinstance(data, Mapping) and 'stock' in data:
            table = as_mapping(data, 'init_from', ('stock',), ('made_by', 'arch', 'source'))
            if ('arch' in table) is not ('source' in table):
                raise ConfigError(
                    'go together', where='init_from', got=list(table), allowed='arch and source'
                )
            source = table.get('source', '')
            if source:
                as_choice(source, 'init_from.source', sources())
            where, arch = 'init_from.stock', table.get('arch')
            return cls(table['stock'], where, table.get('made_by'), True, arch, source)
        if isinstance(data, Mapping) and 'installed' in data:
            where = 'init_from.installed'
            name = as_mapping(data, 'init_from', ('installed',))['installed']
            return cls(as_choice(name, where, tuple(installable())), where, installed=True)
        table = as_mapping(data, 'init_from', ('checkpoint',), ('made_by',))
        return cls(table['checkpoint'], made_by=table.get('made_by'))

    def load_into(self, model: nn.Module, space: AbstractSpace[Any], prefix: str = '') -> None:
        """Load all weights, none missing and none left over; `prefix` is cut off the names.

        Raises:
            CheckpointError: when the file is missing, no checkpoint, or of another space.
        """
        if self.installed:
            net = Installed.of(self.checkpoint, self.where)
            arch, source = net.at_size_of(space.largest()), net.weights.source
            start = replace(self, checkpoint=str(net.path), arch=arch, source=source)
            print_log(f'{self.where}: {net.weights.images}', logger='current')
            start._grow(model, net.theirs())
            return
        path = Path(self.checkpoint)
        check_made(path, self.where, self.made_by)
        checkpoint = load_checkpoint(path)
        if self.stock:
            self._grow(model, checkpoint['state_dict'])
            return
        check_space(checkpoint, space, path)
        state = {
            name.removeprefix(prefix): value
            for name, value in checkpoint['state_dict'].items()
            if name.startswith(prefix)
        }
        check_weights(model.state_dict(), state, path)
        model.load_state_dict(state)
        print_log(f'{self.where}: loaded {len(state)} weights of {path}', logger='current')

    def _grow(self, model: nn.Module, state: Mapping[str, Tensor]) -> None:
        """A network that another package trained: backbone, and whatever else fits by its name."""
        name, supernet = locate(model)
        arch = None if self.arch is None else find(self.arch, 'init_from.arch')
        stock = read_stock(state, supernet, self.checkpoint, arch, self.source)
        zeroed = grow(supernet, stock, self.checkpoint)
        # A SuperNet holds the task model that a stock checkpoint is of.
        wrapper = name[: -len('backbone')] if name.endswith('backbone') else ''
        own = {k: v for k, v in model.state_dict().items() if not k.startswith(f'{name}.')}
        rest = {f'{wrapper}{key}': value for key, value in stock.rest.items()}
        fitting = {k: v for k, v in rest.items() if k in own and own[k].shape == v.shape}
        check_values(own, fitting, self.checkpoint)
        model.load_state_dict(fitting, strict=False)
        new = sorted(own.keys() - fitting.keys())
        lines = [
            f'{self.where}: {stock.arch.summary} of {self.checkpoint}, whose weights are now those '
            f'of a sub-net; {len(zeroed)} added blocks and fusions begin as identities',
            f'{len(fitting)} weights outside of the backbone were loaded, {len(new)} are new'
            + (f', such as {new[0]}' if new else ''),
        ]
        left = [*stock.unread, *sorted(rest.keys() - fitting.keys())]
        if left:
            lines.append(f'{len(left)} weights of the file are not used, such as {left[0]}')
        for line in lines:
            print_log(line, logger='current')
        if self.source and (different := unlike(supernet, stock.arch, self.source)):
            print_log(f'{self.where}: {different}', logger='current', level=logging.WARNING)
