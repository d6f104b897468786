"""The nets of all families: their types in configs, and the registry that builds them."""

from __future__ import annotations

from torch import nn

from scalenas.arch import Arch, ArchError
from scalenas.errors import UserError
from scalenas.family import Family, families, family_of, loaded, with_field
from scalenas.registry import MODELS

_OWNERS: dict[str, str] = {}


def register_nets(family: Family) -> None:
    """Lets configs name the nets of a family, by `scalenas.` and the names of their classes.

    Raises:
        UserError: when a name is that of something else than a net of this family.
    """
    kinds = [kind for kind in (family.net, *map(loaded, family.supernets)) if kind is not None]
    for kind in kinds:
        if not isinstance(kind, type) or not issubclass(kind, nn.Module):
            raise UserError(
                where=f'family {family.name}', got=kind, allowed='nets that are classes of modules'
            )
        name = kind.__name__
        owner = _OWNERS.get(name, 'something else')
        if MODELS.module_dict.get(name, kind) is not kind and owner != family.name:
            raise UserError(
                f'of {owner} has this name in configs',
                where=f'family {family.name}',
                got=f'scalenas.{name}',
                hint='rename the class',
            )
    for kind in kinds:
        _OWNERS[kind.__name__] = family.name
        if MODELS.module_dict.get(kind.__name__) is not kind:
            MODELS.register_module(module=kind, force=True)


def backbone_type(arch: Arch) -> str:
    """The type of an arch's backbone in configs.

    Raises:
        ArchError: for a family that was registered without one.
    """
    net_type = family_of(arch).net_type
    if net_type is None:
        having = ', '.join(family.name for family in with_field('net'))
        raise ArchError(
            where=f'family {arch.family}',
            got=None,
            allowed=f'a static net (`net`), which {having} have',
            hint='register the family with one',
        )
    return net_type


def static_types() -> dict[str, str]:
    """Type of a supernet in a config -> type of the backbone that its sub-nets become."""
    return {
        supernet: family.net_type
        for family in families()
        for supernet in family.supernet_types
        if family.net_type is not None
    }


def net_types() -> tuple[str, ...]:
    """Types of all static nets in configs."""
    return tuple(family.net_type for family in families() if family.net_type is not None)


def supernet_types() -> str:
    """The types of supernets in configs, for messages."""
    return ' or '.join(map(repr, static_types()))
