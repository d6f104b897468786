"""The flat layer plan: what every network is made of, as far as cost goes."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple, Protocol, Self, runtime_checkable

from .rounding import Rounding, Scaling

Size = tuple[int, int]
"""Height and width, in pixels."""


def out_size(size: Size, stride: int) -> Size:
    """Size of a map after a convolution of odd kernel with 'same' padding: ceil(n / stride)."""
    return -(-size[0] // stride), -(-size[1] // stride)


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution or linear layer with what hangs on it (bias, batch norm).

    `name` is the module path in the static network; `size` is height and width of the input.
    A linear layer has size (1, 1). 'deconv' is a transposed convolution that enlarges by `stride`.
    `times`: how many maps of this size run through it, such as the regions of a detector.
    `reused`: its weights are those of an earlier layer of the plan.
    """

    name: str
    c_in: int
    c_out: int
    kernel: int
    size: Size
    stride: int = 1
    groups: int = 1
    bias: bool = False
    norm: bool = True
    op: Literal['conv', 'deconv', 'linear'] = 'conv'
    times: int = 1
    reused: bool = False

    @property
    def size_out(self) -> Size:
        """Height and width of the output."""
        if self.op == 'deconv':
            return self.size[0] * self.stride, self.size[1] * self.stride
        return out_size(self.size, self.stride)

    def prefixed(self, prefix: str) -> Layer:
        """The same layer, deeper in the module tree."""
        return replace(self, name='.'.join(part for part in (prefix, self.name) if part))


class Feature(NamedTuple):
    """A map that a backbone gives to a head."""

    channels: int
    size: Size
    stride: int


class Extent(NamedTuple):
    """How deep and wide a network is, in sums over its stages: what scaling acts on."""

    blocks: int
    channels: int
    group_width: int = 1


class Section(NamedTuple):
    """A part of a network as tables show it: its name, and the blocks and fusions that it has.

    `chain`: what it gives is its last layer's map, and no other.
    """

    name: str
    blocks: int = 0
    fusions: int = 0
    chain: bool = True


class Unit(Hashable, Protocol):
    """A building block as a hashable value: equal units cost the same, whatever their names."""

    def layers(self) -> Sequence[Layer]:
        """The layers of the unit, named relative to it."""
        ...


class Arch(Protocol):
    """What a network family promises to counting, search, training and export."""

    family: ClassVar[str]

    @property
    def size(self) -> Size | None:
        """The input size that is part of the network, or None where it is the task's choice."""
        ...

    @property
    def num_blocks(self) -> int:
        """Residual blocks of the whole network."""
        ...

    @property
    def summary(self) -> str:
        """How large it is, in words: for a log, or the head of a file."""
        ...

    @property
    def extent(self) -> Extent:
        """Depth, width and group width as sums, for what a scaling has reached."""
        ...

    def units(self, size: Size) -> Iterator[tuple[str, Unit]]:
        """Name and value of every unit that an input of `size` runs through, in order."""
        ...

    def features(self, size: Size) -> tuple[Feature, ...]:
        """The maps that the network gives to a head."""
        ...

    def to_dict(self) -> dict[str, object]:
        """Plain data for YAML and configs; `load` reads it back."""
        ...

    @classmethod
    def from_dict(cls, data: object, where: str = 'arch') -> Self:
        """The inverse of `to_dict`; raises ArchError with one line."""
        ...

    def scaled(self, scaling: Scaling, rounding: Rounding) -> Self:
        """The network grown (or shrunk) by these factors, whole numbers by this rule set."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Kit:
    """Units of which networks have different numbers: one object for all of these networks."""

    units: tuple[Unit, ...]


@runtime_checkable
class Tallied(Protocol):
    """An arch that says how often it has which unit, faster than by naming each; none has to."""

    def tally(self, size: Size) -> Iterable[tuple[Kit, Sequence[int]]]:
        """The layers of `units`, as kits with the number of each of their units."""
        ...


@runtime_checkable
class Sectioned(Protocol):
    """An arch that says by itself which of its parts a unit belongs to; no family has to."""

    def section(self, name: str) -> Section:
        """The part to which the unit of this name belongs."""
        ...


def section_of(arch: Arch, name: str) -> Section:
    """The part of a network to which a unit belongs: as its arch says, or by the unit's name."""
    if isinstance(arch, Sectioned):
        return arch.section(name)
    return Section(name.partition('.')[0] or 'stem')


def sections(arch: Arch) -> tuple[Section, ...]:
    """The parts of a network, in order."""
    size = arch.size or (64, 64)  # no part depends on it
    return tuple(dict.fromkeys(section_of(arch, name) for name, _ in arch.units(size)))


class Printable:
    """How an arch looks at a prompt and in a notebook: its whole value is `to_dict()`."""

    __slots__ = ()

    def __repr__(self: Arch) -> str:
        data = json.dumps(self.to_dict(), sort_keys=True)
        digest = hashlib.sha256(data.encode()).hexdigest()[:8]
        return f'<{type(self).__name__} {digest}: {self.summary}>'

    def _repr_html_(self: Arch) -> str:
        rows = [('part', 'blocks', 'fusions'), *(part[:3] for part in sections(self))]
        cells = [''.join(f'<td>{value}</td>' for value in row) for row in rows]
        table = ''.join(f'<tr>{row}</tr>' for row in cells)
        return f'<p>{html.escape(repr(self))}</p><table>{table}</table>'


class Head(Protocol):
    """What turns features into predictions, as far as cost goes."""

    def layers(self, features: Sequence[Feature]) -> Iterable[Layer]:
        """The layers of the head over these features."""
        ...


def layers(arch: Arch, size: Size) -> Iterator[Layer]:
    """The flat plan of a network at an input of `size`: every executed layer, once, in order."""
    for name, unit in arch.units(size):
        for layer in unit.layers():
            yield layer.prefixed(name)


EXPANSION = 4  # a bottleneck ends in four times its inner channels


class Bottleneck(NamedTuple):
    """1x1, 3x3, 1x1 to four times the inner channels, with a projection where shapes change."""

    c_in: int
    inner: int
    size: Size
    project: bool

    def layers(self) -> tuple[Layer, ...]:
        """Three convolutions, and the projection."""
        c_out = EXPANSION * self.inner
        plain = (
            Layer('conv1', self.c_in, self.inner, 1, self.size),
            Layer('conv2', self.inner, self.inner, 3, self.size),
            Layer('conv3', self.inner, c_out, 1, self.size),
        )
        return (
            (*plain, Layer('downsample.0', self.c_in, c_out, 1, self.size))
            if self.project
            else plain
        )


@dataclass(frozen=True, slots=True, eq=False)
class BasicBlock:
    """Two 3x3 convolutions with an identity skip."""

    channels: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """conv1 and conv2."""
        c = self.channels
        return (Layer('conv1', c, c, 3, self.size), Layer('conv2', c, c, 3, self.size))


@dataclass(frozen=True, slots=True, eq=False)
class InnerBlock:
    """A basic block with other channels inside: 3x3 convolutions to `inner` channels and back."""

    channels: int
    inner: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        """conv1 and conv2."""
        c, n = self.channels, self.inner
        return (Layer('conv1', c, n, 3, self.size), Layer('conv2', n, c, 3, self.size))
