"""What every supernet promises: one set of weights, of which any network of a space can run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, Protocol, Self, TypeGuard, TypeVar, final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import Parameter

from scalenas.arch import Arch
from scalenas.errors import ConfigError
from scalenas.family import type_name
from scalenas.space import AbstractSpace, SpaceError, from_dict

from .backbone import AbstractBackbone, as_arch
from .families import supernet_types
from .start_file import check_start
from .weight_slices import Index, WeightSlices, window_of

A = TypeVar('A', bound=Arch)
S = TypeVar('S', bound=AbstractSpace[Any])


class Memory(Protocol):
    """What an evaluation asks `Supernet.once` to go through: see `Supernet.remembering`."""

    def __call__(
        self, compute: Callable[[Tensor], Any], x: Tensor, depends: tuple[Hashable, ...]
    ) -> Any:
        """What `compute(x)` gives, perhaps from an earlier call with equal arguments."""
        ...


class Supernet(AbstractBackbone, ABC, Generic[A]):
    """A backbone that holds all networks of `space` and runs `active_arch`, and only that.

    A subclass sets both, `active_arch` to the largest network, runs in `forward` what
    `active_arch` says, and says in `slices` where the weights of each network lie. Everything else
    follows from that map.
    """

    space: AbstractSpace[A]
    active_arch: A
    _memory: Memory | None = None

    @abstractmethod
    def slices(self, arch: A) -> WeightSlices:
        """State-dict key of the static network -> its part of the supernet's tensors.

        Raises:
            SpaceError: when the arch is not in the space.
        """

    @contextmanager
    def active(self, arch: A | Mapping[str, Any] | str) -> Iterator[Self]:
        """Runs `arch` within the `with`, and what ran before after it.

        Raises:
            SpaceError: when the arch is not in the space; says where it leaves it.
        """
        before, self.active_arch = self.active_arch, self._entering(arch)
        try:
            yield self
        finally:
            self.active_arch = before

    @final
    def once(self, compute: Callable[[Tensor], Any], x: Tensor, *depends: Hashable) -> Any:
        """What `compute(x)` gives; a `forward` passes here what all networks compute alike.

        It is the beginning of the forward, which no gene changes: a function of `x`, the weights
        and `depends` (such as the resolution that a network brings images to). A search computes
        it once for each image, not once for each network. It gives a tensor, or a list or tuple of
        tensors, which the rest of the forward must not change in place.
        """
        memory = self._memory
        return compute(x) if memory is None else memory(compute, x, depends)

    def units(self) -> Iterator[nn.Module]:
        """Modules that run whole in each network that runs them, from one tensor to one.

        Those that can be compiled one by one; none where networks are cut from larger modules.
        """
        return iter(())

    @final
    @contextmanager
    def remembering(self, memory: Memory) -> Iterator[None]:
        """While open, `once` goes through `memory`."""
        before, self._memory = self._memory, memory
        try:
            yield
        finally:
            self._memory = before

    @property
    def resizes(self) -> bool:
        """True when every network sees images at its own resolution; False: at any size."""
        return False

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of the feature maps of the active network, fine to coarse."""
        arch = self.active_arch
        return tuple(feature.channels for feature in arch.features(arch.size or (256, 256)))

    def sharing(self) -> dict[str, Any]:
        """Its type, and the arguments besides the space on which `slices` depends."""
        return {'type': type_name(type(self))}

    def active_norms(self, arch: A) -> list[tuple[str, nn.Module]]:
        """Name and module of every batch norm that `arch` runs, in the order of `slices`."""
        found = ((name, self.get_submodule(name)) for name in self.norm_names(arch))
        return [(name, module) for name, module in found if isinstance(module, _BatchNorm)]

    def norm_names(self, arch: A) -> Iterable[str]:
        """Names of modules that `arch` runs, every norm among them, in the order of `slices`."""
        return dict.fromkeys(part.key.rpartition('.')[0] for part in self.slices(arch).values())

    def active_parameters(self, arch: A) -> list[tuple[str, Parameter]]:
        """Name and value of every parameter of which `arch` runs a part."""
        own = dict(self.named_parameters())
        keys = dict.fromkeys(part.key for part in self.slices(arch).values())
        return [(key, own[key]) for key in keys if key in own]

    def neutral_norms(self, arch: A) -> set[str]:
        """Last norms of the parts that `arch` lacks and a larger network may add.

        Where they are zero, weight and bias, these parts change nothing. By default there are none.
        """
        return set()

    def neutral_weights(self, arch: A) -> Mapping[str, Index]:
        """Weights, and their parts that read channels which `arch` lacks and a larger network adds.

        Where they are zero, these channels change nothing. By default there are none.
        """
        return {}

    def init_weights(self) -> None:
        """Weights as `init_cfg` says.

        Raises:
            CheckpointError: for a local file that cannot be trusted, or fits nowhere.
        """
        check_start(self, 'init_cfg')
        super().init_weights()

    def _entering(self, arch: A | Mapping[str, Any] | str) -> A:
        """The network that is asked for, if it is one of the space."""
        kind: type[A] = type(self.active_arch)
        network = as_arch(arch, kind)
        # Asking a large space takes longer than a small network's forward.
        if network != self.__dict__.get('_checked'):
            self.space.encode(network)
            self._checked = network
        return network


def as_space(space: Any, kind: type[S] = AbstractSpace) -> S:  # type: ignore[assignment]
    """A space of this class from itself, its name, or plain data.

    Raises:
        ArchError: when it is none, or one of another class.
    """
    if not isinstance(space, AbstractSpace):
        space = from_dict(dict(space) if isinstance(space, Mapping) else space)
    if not isinstance(space, kind):
        raise SpaceError(where='space', got=type(space).__name__, allowed=kind.__name__)
    return space


def is_supernet(module: nn.Module) -> TypeGuard[Supernet[Any]]:
    """True for a backbone of which any sub-net can run."""
    return isinstance(module, Supernet)


def supernet_of(model: nn.Module) -> Supernet[Any]:
    """The one supernet among the modules of `model`.

    Raises:
        ConfigError: when there is none, or more than one.
    """
    return locate(model)[1]


def locate(model: nn.Module, where: str = 'model') -> tuple[str, Supernet[Any]]:
    """Module path ('' for `model` itself) and module of the one supernet in `model`.

    Raises:
        ConfigError: when there is none, or more than one; `where` says in which key it stood.
    """
    return located(model, dict(model.named_modules()), where)


def located(
    model: nn.Module, members: Mapping[str, nn.Module], where: str = 'model'
) -> tuple[str, Supernet[Any]]:
    """As `locate`, of a model whose modules by name are known."""
    supernets = [(name, module) for name, module in members.items() if is_supernet(module)]
    if len(supernets) != 1:
        raise ConfigError(
            f'{type(model).__name__} must have one supernet',
            where=where,
            got=[name for name, _ in supernets],
            hint=f'its backbone must be of type {supernet_types()}',
        )
    return supernets[0]


def nested(supernet: Supernet[A], net: nn.Module) -> WeightSlices:
    """Slices of a network whose tensors have the supernet's names: first channels, inner kernels.

    For `Supernet.slices`; `net` is the static network, and may be built on the meta device.

    Raises:
        UserError: when a tensor of `net` is no part of the supernet's.
    """
    whole = supernet.state_dict()
    return {
        key: window_of(key, value.shape, whole[key].shape)
        for key, value in net.state_dict().items()
    }
