"""The units of a space as modules that can be timed alone, and the table that this gives."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from scalenas.arch import Arch, Size
from scalenas.config import read_config
from scalenas.config.walk import place_of, walk
from scalenas.errors import UserError
from scalenas.family import family_of
from scalenas.latency import (
    Cache,
    Candidate,
    LatencyTable,
    Spread,
    Times,
    agreement,
    deployed_arch,
    fit_correction,
    measure,
    options_of,
    unit_key,
    units_of,
)
from scalenas.space import AbstractSpace, from_dict, named

from .benchmark import candidate
from .nets import deployed_backbone, in_channels, of_arch, own_size
from .stopwatch import Stopwatch

PATIENCE = 300
"""Networks in a row without a unit that is new: then all units of a space are taken for known."""

Shape = tuple[int, ...]
"""(C, H, W)."""


@dataclass(frozen=True)
class UnitNet:
    """A unit alone: its module, from maps to maps, and the shapes of the maps that it reads."""

    module: nn.Module
    shapes: tuple[Shape, ...]


def space_units(
    space: AbstractSpace[Any], size: Size | None, seed: int = 0, known: Sequence[Arch] = ()
) -> dict[str, tuple[Arch, Size]]:
    """Text of each distinct unit of a space -> one of the networks that have it, and its size.

    Networks are drawn until many of them in a row bring nothing new; the order is the same for a
    seed. A unit that few networks have may be missing, but for those of the `known` ones.
    """
    rng, since = random.Random(f'units/{seed}'), 0
    found: dict[str, tuple[Arch, Size]] = {}
    archs = [*known, space.largest(), space.smallest()]
    while archs or since < PATIENCE:
        arch = archs.pop() if archs else space.sample(rng)
        at, before = own_size(arch, size), len(found)
        for _, unit in units_of(arch, at):
            key = unit_key(unit)
            if key not in found:
                found[key] = arch, at
        since = 0 if len(found) > before else since + 1
    return dict(sorted(found.items()))


def unit_nets(arch: Arch, size: Size) -> dict[str, UnitNet]:
    """Text of each unit of a network -> the unit alone, as it is in the network that is deployed.

    A unit is the module at its path, with the maps that a forward gives to it. Where none is called
    there, the family may make one (`unit_net`); at last its layers stand in for it, side by side.
    """
    net = deployed_backbone(arch, size)
    seen: dict[str, tuple[Shape, ...]] = {}
    with _watched(net, seen), torch.no_grad():
        net(torch.zeros(1, in_channels(arch), *size))
    make: Callable[..., tuple[nn.Module, Sequence[Shape]] | None] | None = family_of(arch).unit_net
    found: dict[str, UnitNet] = {}
    for name, unit in units_of(arch, size):
        key = unit_key(unit)
        if key in found:
            continue
        made = make(net, name, unit) if make is not None else None
        if made is not None:
            found[key] = UnitNet(made[0], tuple(made[1]))
        elif name in seen and name:
            found[key] = UnitNet(net.get_submodule(name), seen[name])
        else:
            paths = ['.'.join(filter(None, (name, layer.name))) for layer in unit.layers()]
            layers = [net.get_submodule(path) for path in paths]
            found[key] = UnitNet(SideBySide(layers), tuple(seen[path][0] for path in paths))
    return found


@contextmanager
def _watched(net: nn.Module, seen: dict[str, tuple[Shape, ...]]) -> Iterator[None]:
    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            if all(isinstance(each, Tensor) and each.ndim == 4 for each in args):
                seen[name] = tuple(tuple(each.shape[1:]) for each in args)

        return hook

    handles = [m.register_forward_pre_hook(keep(name)) for name, m in net.named_modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class SideBySide(nn.Module):
    """Layers that each take a map of their own."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """One map for each layer -> their outputs."""
        return tuple(layer(each) for layer, each in zip(self.layers, maps, strict=True))


class FromOneTensor(nn.Module):
    """A unit of several maps behind one tensor, which is all that a runtime is given."""

    def __init__(self, unit: UnitNet) -> None:
        super().__init__()
        self.module, self.shapes = unit.module, unit.shapes

    def forward(self, values: Tensor) -> Any:
        """values: (N, 1, 1, L), all maps after each other -> the output maps."""
        maps, start = [], 0
        for shape in self.shapes:
            end = start + math.prod(shape)
            maps.append(values[..., start:end].reshape(-1, *shape))
            start = end
        return self.module(*maps)


def as_net(unit: UnitNet) -> tuple[nn.Module, int, Size]:
    """A unit as a network of one input: the module, and channels, height and width of its input."""
    module = copy.deepcopy(unit.module).eval()
    if len(unit.shapes) == 1:
        channels, height, width = unit.shapes[0]
        return module, channels, (height, width)
    length = sum(map(math.prod, unit.shapes))
    return FromOneTensor(UnitNet(module, unit.shapes)).eval(), 1, (1, length)


def unit_candidates(
    units: Mapping[str, tuple[Arch, Size]], stopwatch: Stopwatch
) -> list[Candidate]:
    """Candidates for all units; those that one network has are taken from it together."""
    nets: dict[str, UnitNet] = {}
    setting = stopwatch.setting

    def opened(key: str) -> Any:
        if key not in nets:
            arch, size = units[key]
            nets.update({k: net for k, net in unit_nets(arch, size).items() if k not in nets})
        net, channels, at = as_net(nets[key])
        return stopwatch.opened(net, at, channels)

    some = next(iter(units.values()))[0]
    common = {'family': some.family, 'options': options_of(some), 'form': 'deployed', **setting}
    return [Candidate(key, {'unit': key, **common}, partial(opened, key)) for key in units]


def measured_table(
    space: AbstractSpace[Any],
    size: Size | None,
    stopwatch: Stopwatch,
    cache: Cache,
    rounds: int,
    whole: int = 16,
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
    every: int = 2,
) -> LatencyTable:
    """The table of all units of a space, corrected by whole networks and judged by others.

    Args:
        size: of the images; None for networks that have their own.
        whole: random networks that are timed as a whole. With fewer than four there is neither a
            correction nor an agreement, and neither for a space of fewer networks, or in fewer
            than four rounds.
        every: of these networks, every second (third, ...) is for the correction, the others are
            for the agreement.

    Raises:
        UserError: where the device does not take a unit, or a time is none.
    """
    archs, sizes, candidates = whole_candidates(space, size, stopwatch, whole, seed)
    units = space_units(space, size, seed, archs)
    say(f'{len(units)} units')
    times = measure(unit_candidates(units, stopwatch), cache, rounds, seed, say)
    some = next(iter(units.values()))[0]
    about = {**stopwatch.setting, 'size': list(size) if size else 'own', 'rounds': rounds}
    spreads = {
        name: Spread(*(1e3 * value for value in spread))
        for name, spread in zip(times.names, times.spreads(), strict=True)
    }
    table = LatencyTable(about, some.family, options_of(some), spreads)
    if len(judged_places(len(archs), every)) < 2 or rounds < 4:
        say(f'{len(archs)} networks and {rounds} rounds: too few to compare the table with them')
        return table
    timed = measure(candidates, cache, rounds, seed, say)
    return corrected(table, archs, sizes, timed, seed, every)


def whole_candidates(
    space: AbstractSpace[Any], size: Size | None, stopwatch: Stopwatch, count: int, seed: int
) -> tuple[list[Arch], list[Size], list[Candidate]]:
    """Networks of a space that are timed as a whole: archs, sizes, and candidates."""
    archs = whole_archs(space, count, seed)
    sizes = [own_size(arch, size) for arch in archs]
    candidates = [
        candidate(of_arch(f'network {n}', arch), at, stopwatch)
        for n, (arch, at) in enumerate(zip(archs, sizes, strict=True))
    ]
    return archs, sizes, candidates


def whole_archs(space: AbstractSpace[Any], count: int, seed: int) -> list[Arch]:
    """Distinct networks of a space, as they are deployed; fewer where it has not so many.

    Each leans to the first or to the last values of all genes, one more than the other: drawn
    evenly, networks of many genes would all cost about the same.
    """
    rng, found = random.Random(f'whole/{seed}'), dict[Arch, None]()
    for _ in range(20 * count):
        lean = 4.0 ** rng.uniform(-1, 1)
        values = {
            name: gene.values[int(len(gene.values) * rng.random() ** lean)]
            for name, gene in space.genes.items()
        }
        found[deployed_arch(space.decode(values))] = None
        if len(found) == count:
            break
    return list(found)


def corrected(
    table: LatencyTable,
    archs: Sequence[Arch],
    sizes: Sequence[Size],
    times: Times,
    seed: int = 0,
    every: int = 2,
) -> LatencyTable:
    """The table with a correction fitted on some networks, and its agreement with the others.

    Raises:
        LatencyError: for fewer than four networks or rounds.
    """
    ms = {key: spread.median for key, spread in table.units.items()}
    parts = [table.parts(arch, size) for arch, size in zip(archs, sizes, strict=True)]
    taken = [1e3 * spread.median for spread in times.spreads()]
    found = fit_correction(parts[::every], ms, taken[::every])
    judged = judged_places(len(parts), every)
    held_out = Times(tuple(times.names[i] for i in judged), tuple(times.seconds[i] for i in judged))
    estimates = [found.whole(parts[i], ms) for i in judged]
    return replace(table, correction=found, agreement=agreement(estimates, held_out, seed))


def judged_places(count: int, every: int) -> list[int]:
    """Those of so many networks that no correction is fitted on."""
    return [i for i in range(count) if i % every]


def space_named(what: str) -> AbstractSpace[Any]:
    """The space of the supernet in a config, or that of a name.

    Raises:
        UserError: when there is none.
    """
    if not what.endswith(('.py', '.json')):
        return named(what)
    cfg = read_config(what, needs=('model',))
    spaces = [
        (place_of(path), part['space'])
        for path, part in walk(cfg._cfg_dict.to_dict()['model'], ('model',))
        if isinstance(part, Mapping) and 'space' in part
    ]
    if not spaces:
        raise UserError('has no supernet with a space', where=what)
    place, data = spaces[0]
    return from_dict(data, f'{place}.space')
