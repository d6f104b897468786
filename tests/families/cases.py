"""The families that must keep the contract, each with small spaces and nets of its own."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scalenas import Family, family_named, register_family
from scalenas.arch import Arch, RegNetArch, RegStage, Size
from scalenas.family import _REGISTERED
from scalenas.space import AbstractSpace, HRSpace
from tests.models.mbconv_nets import BIG, SCALED
from tests.models.world import DEMO, INNER

from .unet import load

UNET = load(Path(tempfile.mkdtemp()))
SIZE = (40, 56)


@dataclass(frozen=True)
class Supernet:
    """A supernet's type, its space, and arguments."""

    kind: Any
    space: AbstractSpace[Any]
    options: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Any:
        """With weights of its own."""
        return self.kind(self.space, **self.options)


@dataclass(frozen=True)
class Case:
    """A family, and what of it is small enough to try."""

    family: Family
    spaces: tuple[AbstractSpace[Any], ...] = ()
    supernets: tuple[Supernet, ...] = ()
    more: tuple[Arch, ...] = ()

    @property
    def archs(self) -> list[Arch]:
        """Networks of the spaces, ends among them, and those given."""
        found: list[Arch] = list(self.more)
        for space in self.spaces:
            rng = random.Random(0)
            found += [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(3))]
        return found


def size_of(arch: Arch) -> Size:
    """Its own size, or one that is not a multiple of all strides."""
    return arch.size or SIZE


SINGLE = HRSpace(8, (1, 1), (1, 2), stem=8, stage1_blocks=1, stage1_channels=8, output='single')
UNETS = UNET.UNetSpace(width=8, depth=(1, 2, 3), levels=3)
_ALIGNED = {'resize': True, 'align': 'both'}


def _of(family: Family, *given: tuple[AbstractSpace[Any], dict[str, Any]]) -> tuple[Supernet, ...]:
    """Every supernet of a family over every space."""
    from scalenas.family import loaded

    return tuple(
        Supernet(kind, space, options)
        for kind in map(loaded, family.supernets)
        for space, options in given
    )


def _cases() -> Iterator[Case]:
    family = family_named('hrnet')
    spaces = (DEMO, SINGLE, INNER)
    yield Case(family, spaces, _of(family, *((space, {}) for space in spaces)))
    family = family_named('mbconv')
    supernets = _of(family, (BIG, {'resize': True}), (SCALED, _ALIGNED))
    yield Case(family, (BIG, SCALED), supernets)
    stages = (RegStage(8, 1, 4), RegStage(16, 2, 8))
    regnets = tuple(RegNetArch(stages, block=b, stem=8, resolution=40) for b in ('x', 'y', 'z'))
    yield Case(family_named('regnet'), more=regnets)
    yield Case(UNET.UNET, (UNETS,), _of(UNET.UNET, (UNETS, {})))


CASES = {case.family.name: case for case in _cases()}
SUPERNETS = {
    f'{name}-{n}-{supernet.kind.__name__}': supernet
    for name, case in CASES.items()
    for n, supernet in enumerate(case.supernets)
}


@contextmanager
def registered() -> Iterator[None]:
    """The U-Net is registered as well, in here."""
    before = dict(_REGISTERED)
    register_family(UNET.UNET)
    try:
        yield
    finally:
        _REGISTERED.clear()
        _REGISTERED.update(before)
