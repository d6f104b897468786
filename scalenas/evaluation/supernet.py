"""What one sub-net of a whole task model runs, and which sub-nets a config lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import Arch
from scalenas.arch.strict import as_list
from scalenas.config.monitors import subnet_name
from scalenas.errors import EvaluationError
from scalenas.models.supernet import located
from scalenas.space import AbstractSpace, arch_of


def active_norms(
    model: nn.Module, arch: Any, members: Mapping[str, nn.Module] | None = None
) -> list[tuple[str, _BatchNorm]]:
    """Name and module of every batch norm that runs with `arch`: its own, and all around it.

    `members` are the modules of the model by name, where they are known.
    """
    members = dict(model.named_modules()) if members is None else members
    path, supernet = located(model, members)
    prefix = f'{path}.' if path else ''
    own = [(f'{prefix}{name}', norm) for name, norm in supernet.active_norms(arch)]
    # What lies in the supernet and does not run is not live.
    around = (item for item in members.items() if path and not item[0].startswith(prefix))
    return [(n, m) for n, m in [*own, *around] if isinstance(m, _BatchNorm)]


def chosen_archs(choices: Sequence[object], space: AbstractSpace[Any]) -> dict[str, Arch]:
    """Archs of `space` by name, from what a config lists.

    A choice is 'smallest', 'largest', the name of a zoo arch, the path of a YAML file, or an arch
    as a mapping; a mapping has no name of its own and is called `net1`, `net2`, ... by position.

    Raises:
        ArchError, SpaceError: when a choice is no arch, or not one of the space.
        EvaluationError: when two choices have one name.
    """
    archs: dict[str, Arch] = {}
    for position, choice in enumerate(as_list(choices, 'archs', 'archs'), 1):
        name = subnet_name(choice, position)
        if name in archs:
            raise EvaluationError('two of them have one name', where='archs', got=name)
        archs[name] = arch_of(choice, space, name)
    return archs
