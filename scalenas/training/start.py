"""Where a supernet's weights come from: the checkpoint of a net of the same space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import nn

from scalenas.arch.strict import as_mapping
from scalenas.errors import ConfigError
from scalenas.models.checkpoint import check_made, check_space, check_weights, load_checkpoint
from scalenas.space import AbstractSpace


@dataclass(frozen=True)
class Start:
    """A checkpoint to start from; `made_by` is the command that makes it, for the message.

    Raises:
        ConfigError: when `checkpoint` is no path.
    """

    checkpoint: str
    where: str = 'init_from'
    made_by: str | None = None

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
        table = as_mapping(data, 'init_from', ('checkpoint',), ('made_by',))
        return cls(table['checkpoint'], made_by=table.get('made_by'))

    def load_into(self, model: nn.Module, space: AbstractSpace[Any], prefix: str = '') -> None:
        """Load all weights, none missing and none left over; `prefix` is cut off the names.

        Raises:
            CheckpointError: when the file is missing, no checkpoint, or of another space.
        """
        path = Path(self.checkpoint)
        check_made(path, self.where, self.made_by)
        checkpoint = load_checkpoint(path)
        check_space(checkpoint, space, path)
        state = {
            name.removeprefix(prefix): value
            for name, value in checkpoint['state_dict'].items()
            if name.startswith(prefix)
        }
        check_weights(model.state_dict(), state, path)
        model.load_state_dict(state)
        print_log(f'{self.where}: loaded {len(state)} weights of {path}', logger='current')
