"""A static backbone that starts from its weights inside a supernet."""

from __future__ import annotations

from pathlib import Path
from typing import final

from mmengine.logging import print_log
from torch import nn

from scalenas.errors import CheckpointError
from scalenas.space import HRSpace

from .checkpoint import check_made, check_weights, load_checkpoint, written_space
from .hrnet import ScaleHRNet
from .hrnet_slicing import slice_state_dict

WRAPPER = 'architecture.'  # what SuperNet puts before the keys of the task model


@final
class SupernetInit:
    """An `init_cfg` of ScaleHRNet: the arch's slice of a supernet's checkpoint.

    Batch-norm statistics come along; they are of all sub-nets together, and follow the training.

    Args:
        checkpoint: of a supernet whose space has the arch; its head is not read.
        made_by: the command that makes the checkpoint, for the message.

    Source: ScaleNAS (Cheng et al. 2020), section 7.5.
    """

    def __init__(self, checkpoint: str, made_by: str | None = None) -> None:
        self.checkpoint = Path(checkpoint)
        self.made_by = made_by

    def __call__(self, module: nn.Module) -> None:
        """Load all weights of a ScaleHRNet.

        Raises:
            CheckpointError: when the file is missing, or not of a supernet that has the arch.
            SpaceError: when the arch is not in the supernet's space.
        """
        path = self.checkpoint
        if not isinstance(module, ScaleHRNet):
            raise CheckpointError(
                where='init_cfg: SupernetInit',
                got=type(module).__name__,
                allowed='a backbone of type ScaleHRNet',
            )
        check_made(path, 'init_cfg.checkpoint', self.made_by)
        checkpoint = load_checkpoint(path)
        state = checkpoint['state_dict']
        wrapped = any(key.startswith(WRAPPER) for key in state)
        prefix = f'{WRAPPER if wrapped else ""}backbone.'
        space = HRSpace.from_dict(dict(written_space(checkpoint, path)))
        sliced = {
            key.removeprefix(prefix): value
            for key, value in slice_state_dict(state, space, module.arch, prefix).items()
            if key.startswith(prefix)
        }
        check_weights(module.state_dict(), sliced, path)
        module.load_state_dict(sliced)
        print_log(f'init_cfg: loaded {len(sliced)} weights of {path}', logger='current')
