"""A static backbone that starts from its weights inside a supernet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from mmengine.logging import print_log
from torch import nn

from scalenas.errors import CheckpointError
from scalenas.family import family_of, loaded
from scalenas.space import from_dict

from .checkpoint import check_made, check_weights, load_checkpoint, written_space
from .families import net_types
from .supernet import Supernet
from .weight_slices import cut_state_dict

WRAPPER = 'architecture.'  # what SuperNet puts before the keys of the task model


@final
class SupernetInit:
    """An `init_cfg` of a static net: the arch's slice of a supernet's checkpoint.

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
        """Load all weights of a static net.

        Raises:
            CheckpointError: when the file is missing, or not of a supernet that has the arch.
            SpaceError: when the arch is not in the supernet's space.
        """
        path, arch = self.checkpoint, getattr(module, 'arch', None)
        if arch is None or type(module) is not family_of(arch).net:
            raise CheckpointError(
                where='init_cfg: SupernetInit',
                got=type(module).__name__,
                allowed=f'a static net, {", ".join(net_types())}',
            )
        check_made(path, 'init_cfg.checkpoint', self.made_by)
        checkpoint = load_checkpoint(path)
        state = checkpoint['state_dict']
        wrapped = any(key.startswith(WRAPPER) for key in state)
        prefix = f'{WRAPPER if wrapped else ""}backbone.'
        parts = written_supernet(checkpoint, path).slices(arch)
        sliced = {
            key.removeprefix(prefix): value
            for key, value in cut_state_dict(state, parts, prefix).items()
            if key.startswith(prefix)
        }
        check_weights(module.state_dict(), sliced, path)
        module.load_state_dict(sliced)
        print_log(f'init_cfg: loaded {len(sliced)} weights of {path}', logger='current')


def written_supernet(checkpoint: Mapping[str, Any], path: Path) -> Supernet[Any]:
    """The supernet that a checkpoint names, without its weights (on the meta device).

    Raises:
        CheckpointError: when it names none, and its family has several.
    """
    space = from_dict(dict(written_space(checkpoint, path)))
    kinds = dict(zip(space.family.supernet_types, space.family.supernets, strict=True))
    said = checkpoint['meta']['scalenas'].get('supernet')
    options = dict(said) if isinstance(said, Mapping) else {}
    if 'type' not in options and len(kinds) == 1:
        options['type'] = next(iter(kinds))
    kind = options.pop('type', None)
    if kind not in kinds:
        raise CheckpointError(
            'does not name its supernet',
            where=path,
            got=kind,
            allowed=', '.join(kinds) or f'none: {space.family.name} networks have no supernet',
            hint='take a checkpoint that tools/train.py wrote',
        )
    with torch.device('meta'):
        supernet: Supernet[Any] = loaded(kinds[kind])(space, **options)
    return supernet
