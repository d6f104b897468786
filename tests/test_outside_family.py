"""A family from outside the tree: a chain of convolutions gets all that the others have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import matplotlib
import pytest
import torch
from torch import nn

from scalenas import Family, families, register_family
from scalenas.arch import (
    ROUNDINGS,
    Arch,
    ArchError,
    ClassificationHead,
    Extent,
    Feature,
    Layer,
    Rounding,
    Scaling,
    Size,
    Unit,
    dump,
    load,
    out_size,
    section_of,
)
from scalenas.arch.strict import as_channels, as_choice, as_list, as_mapping, as_side, inside
from scalenas.complexity import Budget, Cost, Counter, count
from scalenas.evaluation import trace
from scalenas.models.families import backbone_type
from scalenas.sampling import from_dict as sampler
from scalenas.scaling import grow
from scalenas.space import AbstractSpace, Gene, ScaledSpace, ScalingStage, SpaceError
from scalenas.space import from_dict as space_from_dict
from scalenas.space.gene import choices
from scalenas.visualization import cost_rows, cost_text, draw_arch, layer_text


class Link(NamedTuple):
    """A 3x3 convolution of stride 2."""

    c_in: int
    c_out: int
    size: Size

    def layers(self) -> tuple[Layer, ...]:
        return (Layer('conv', self.c_in, self.c_out, 3, self.size, stride=2),)


class Nothing(NamedTuple):
    """A unit without layers, such as a pooling."""

    def layers(self) -> tuple[Layer, ...]:
        return ()


@dataclass(frozen=True)
class ChainArch:
    """Convolutions one after the other; a family as an outsider would write it."""

    widths: tuple[int, ...]
    resolution: int = 32
    family: ClassVar[str] = 'chain'

    def __post_init__(self) -> None:
        as_side(self.resolution, 'resolution')
        for width in self.widths:
            as_channels(width, 'widths')

    @property
    def size(self) -> Size:
        return self.resolution, self.resolution

    @property
    def num_blocks(self) -> int:
        return len(self.widths)

    @property
    def summary(self) -> str:
        return f'{len(self.widths)} links'

    @property
    def extent(self) -> Extent:
        return Extent(len(self.widths), sum(self.widths))

    def units(self, size: Size) -> Iterator[tuple[str, Unit]]:
        c_in = 3
        for i, width in enumerate(self.widths):
            yield f'link{i}.0', Link(c_in, width, size)
            c_in, size = width, out_size(size, 2)
        yield 'pool', Nothing()

    def features(self, size: Size) -> tuple[Feature, ...]:
        for _ in self.widths:
            size = out_size(size, 2)
        return (Feature(self.widths[-1], size, 2 ** len(self.widths)),)

    def to_dict(self) -> dict[str, object]:
        return {
            'family': self.family,
            'widths': list(self.widths),
            'resolution': self.resolution,
        }

    @classmethod
    def from_dict(cls, data: object, where: str = 'arch') -> ChainArch:
        table = as_mapping(data, where, ('family', 'widths'), ('resolution',))
        widths = as_list(table['widths'], f'{where}.widths', 'channels', 20)
        with inside(where):
            return cls(tuple(widths), table.get('resolution', 32))

    def scaled(self, scaling: Scaling, rounding: Rounding) -> ChainArch:
        widths = tuple(rounding.width(w * scaling.width) for w in self.widths)
        return replace(
            self,
            widths=widths,
            resolution=rounding.resolution(self.resolution * scaling.resolution),
        )


class ChainSpace(AbstractSpace[ChainArch]):
    """Three links, each of one of some widths; the last may be missing."""

    def __init__(self, width: Any = (4, 8, 16), resolution: Any = (24, 32)) -> None:
        self.width = choices(width, 'space.width', as_channels)
        self.resolution = choices(resolution, 'space.resolution', as_side)
        super().__init__(
            [
                Gene('resolution', self.resolution, 'resolution'),
                Gene('depth', (2, 3), 'depth'),
                *(Gene(f'l{i}.width', self.width, f'l{i}') for i in range(2)),
                Gene('l2.width', self.width, 'l2', 'depth', frozenset({3})),
            ]
        )

    def _build(self, values: dict[str, Any]) -> ChainArch:
        widths = tuple(values[f'l{i}.width'] for i in range(values['depth']))
        return ChainArch(widths, values['resolution'])

    def _read(self, arch: ChainArch) -> dict[str, Any]:
        if not isinstance(arch, ChainArch):
            raise SpaceError(f'not in the space: expected a ChainArch, got {type(arch).__name__}')
        found: dict[str, Any] = {'resolution': arch.resolution, 'depth': len(arch.widths)}
        return found | {f'l{i}.width': width for i, width in enumerate(arch.widths)}

    def _shrink(self, arch: Arch, scaling: Scaling, rounding: Rounding) -> ChainArch | None:
        return next((base for base in self.all() if base.scaled(scaling, rounding) == arch), None)

    def all(self) -> Iterator[ChainArch]:
        """Every network; there are few."""
        yield from {self.sample(random.Random(seed)) for seed in range(2000)}

    def to_dict(self) -> dict[str, object]:
        return {
            'family': 'chain',
            'width': list(self.width),
            'resolution': list(self.resolution),
            'where': [[pattern, list(values)] for pattern, values in self.restrictions],
        }

    @classmethod
    def from_dict(cls, data: object, where: str = 'space') -> ChainSpace:
        table = as_mapping(data, where, ('family',), ('width', 'resolution', 'where'))
        as_choice(table['family'], f'{where}.family', ('chain',))
        rest = {k: v for k, v in table.items() if k in ('width', 'resolution')}
        return cls(**rest).restricted(table.get('where', []), where)


def torch_net(arch: ChainArch) -> nn.Module:
    links, c_in = [], 3
    for width in arch.widths:
        links += [nn.Conv2d(c_in, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        c_in = width
    return nn.Sequential(*links)


SPACE = ChainSpace()


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {family.name: family for family in families()}
    monkeypatch.setattr('scalenas.family._REGISTERED', known)
    register_family(Family('chain', arch=ChainArch, space=ChainSpace, head='cls:1000'))


def test_it_is_read_and_written() -> None:
    arch = SPACE.sample(random.Random(0))
    assert load(dump(arch)) == arch
    assert space_from_dict(SPACE.to_dict()) == SPACE
    for bad in (True, 10**12, 'x', 0):
        with pytest.raises(ArchError) as error:
            load(dump(arch).replace('resolution: ', f'resolution: {bad} #'))
        assert error.value.where == 'arch.resolution'


def test_it_is_counted_and_traced() -> None:
    for seed in range(10):
        arch = SPACE.sample(random.Random(seed))
        cost = Counter()(arch)
        assert cost == count(layer for _, u in arch.units(arch.size) for layer in u.layers())
        assert trace(torch_net(arch), arch.size) == cost
        with_head = Counter(head=ClassificationHead(10))(arch)
        assert with_head['macs'] == cost['macs'] + 10 * arch.widths[-1]


def test_it_has_a_table() -> None:
    arch = SPACE.largest()
    rows = cost_rows(arch, arch.size, ClassificationHead(10))
    assert [row.name for row in rows] == ['link0', 'link1', 'link2', 'pool', 'head']
    assert sum((row.cost for row in rows), Cost()) == Counter(head=ClassificationHead(10))(arch)
    assert [row.output for row in rows[:3]] == ['16 x 16x16', '16 x 8x8', '16 x 4x4']
    assert cost_text(rows).splitlines()[-1].startswith('total')
    assert len(layer_text(arch, arch.size).splitlines()) == 2 + 3
    assert section_of(arch, 'link1.0').name == 'link1'


def test_it_may_say_its_own_parts() -> None:
    from scalenas.arch import Section

    class Sectioned(ChainArch):
        def section(self, name: str) -> Section:
            return Section('all of it', blocks=len(self.widths))

    arch = Sectioned((4, 8))
    (row,) = cost_rows(arch, arch.size)
    assert (row.name, row.blocks, row.cost) == ('all of it', 2, Counter()(arch))


def test_it_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / 'chain.svg'
    with matplotlib.rc_context({'svg.fonttype': 'none'}):
        draw_arch(SPACE.largest(), path, 'mine', SPACE.largest().size)
    text = path.read_text()
    for word in ('link0', 'link2', '16 ch', '1/8', '3 blocks; 0.01 M params, 0.3 M macs'):
        assert word in text
    draw_arch(SPACE.smallest(), tmp_path / 'chain.png')
    assert (tmp_path / 'chain.png').stat().st_size > 1000


def test_its_space_has_all_that_spaces_have() -> None:
    rng = random.Random(0)
    arch, other = SPACE.sample(rng), SPACE.sample(rng)
    assert SPACE.decode(SPACE.encode(arch)) == arch
    assert SPACE.mutate(arch, rng, 1.0, '*.width') in SPACE
    assert SPACE.cross(arch, other, rng, 0.5) in SPACE
    assert SPACE.size() == 2 * (3**2 + 3**3) == len(set(SPACE.all()))
    narrow = SPACE.where('*.width', (4, 8))
    assert narrow.size() == 2 * (2**2 + 2**3)
    assert SPACE.largest() not in narrow
    assert sampler({'type': 'sandwich'}, SPACE).archs(0)[:2] == (SPACE.largest(), SPACE.smallest())
    assert sampler({'type': 'uniform'}, narrow).archs(3)[0] in narrow


def test_it_is_scaled_and_searched_together_with_its_scalings() -> None:
    scaled = ScaledSpace(SPACE, [ScalingStage(), ScalingStage(width=(1.5, 2.0))])
    part = scaled.where('*.width', (4,)).where('scale.stage', (1,))
    assert {w for s in range(20) for w in part.sample(random.Random(s)).widths} == {6, 8}
    arch = part.sample(random.Random(0))
    assert part.decode(part.encode(arch)) == arch
    assert sampler({'type': 'hierarchical'}, scaled).archs(0)[0] in scaled
    grown, found = grow(SPACE.smallest(), 'width', budget=Budget(macs=(None, 1e6)))
    assert found is not None
    assert Counter()(grown.arch)['macs'] <= 1e6 < Counter()(grown.arch)['macs'] * 2
    twice = ROUNDINGS['nearest']
    assert SPACE.smallest().scaled(Scaling(width=2), twice).widths == (8, 8)


def test_what_it_has_not_is_said() -> None:
    with pytest.raises(ArchError) as error:
        backbone_type(SPACE.largest())
    assert error.value.where == 'family chain'
    assert torch_net(SPACE.largest())(torch.zeros(1, 3, 32, 32)).shape == (1, 16, 4, 4)
