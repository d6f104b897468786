"""What one sub-net of a whole task model runs, and which sub-nets a config lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from scalenas.arch import Arch
from scalenas.arch.strict import as_list
from scalenas.config.monitors import subnet_name
from scalenas.errors import EvaluationError
from scalenas.models import is_supernet, locate
from scalenas.space import AbstractSpace, arch_of


def active_norms(
    model: nn.Module, arch: Any, path: str | None = None
) -> list[tuple[str, _BatchNorm]]:
    """Name and module of every batch norm that runs with `arch`: its own, and all around it.

    `path` is that of the supernet, where it is known.
    """
    path = locate(model)[0] if path is None else path
    supernet = model.get_submodule(path)
    assert is_supernet(supernet)
    prefix = f'{path}.' if path else ''
    own = [(f'{prefix}{name}', norm) for name, norm in supernet.active_norms(arch)]
    # Its own modules count as seen: what it does not run is not live, whatever else it holds.
    around = model.named_modules(memo=set(supernet.modules()))
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
