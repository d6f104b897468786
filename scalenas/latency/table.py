"""Latency as a sum: the milliseconds of every unit of a space, measured once on a device."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from scalenas.arch import Arch, Size, Unit
from scalenas.arch.strict import as_int, as_mapping, as_number, is_number
from scalenas.errors import unreadable
from scalenas.family import family_of
from scalenas.staging import write_whole

from .cache import digest
from .reliability import LatencyError, Spread, check_time

HINT = 'measure the units of its space at this size: tools/benchmark.py --units'


def deployed_arch(arch: Any) -> Any:
    """The network that is left of an arch on a device: without what nothing reads."""
    pruned: Callable[[Any], Any] | None = family_of(arch).pruned
    return arch if pruned is None else pruned(arch)


def units_of(arch: Arch, size: Size) -> Iterator[tuple[str, Unit]]:
    """Name and value of every unit that runs on a device."""
    yield from deployed_arch(arch).units(size)


def unit_key(unit: Unit) -> str:
    """A unit as text: equal for equal units, on every machine."""
    if dataclasses.is_dataclass(unit) or hasattr(unit, '_fields'):
        return repr(unit)
    return f'{type(unit).__name__}{tuple(unit.layers())!r}'


def kind_of(key: str) -> str:
    """The kind of a unit, which is the name of its class."""
    return key.partition('(')[0]


def options_of(arch: Arch) -> dict[str, str]:
    """What units do not say: how networks upsample, activate, ...: the words of an arch."""
    return {name: value for name, value in arch.to_dict().items() if isinstance(value, str)}


@dataclass(frozen=True)
class Correction:
    """How the time of a network follows from those of its units, in milliseconds.

    A network takes `constant`, and for each unit `scale` times its own time and what `each` has for
    its kind: what calling a unit alone costs is in its time, and what lies between units is not.
    """

    scale: float = 1.0
    constant: float = 0.0
    each: Mapping[str, float] = field(default_factory=dict)

    def unit(self, key: str, ms: float) -> float:
        """What a unit adds to a network."""
        return self.scale * ms + self.each.get(kind_of(key), 0.0)

    def whole(self, parts: Mapping[str, int], ms: Mapping[str, float]) -> float:
        """The time of a network that has so many of each unit."""
        times = (count * self.unit(key, ms[key]) for key, count in parts.items())
        return math.fsum((self.constant, *times))

    @classmethod
    def from_dict(cls, data: object, where: str) -> Self:
        """From plain data.

        Raises:
            UserError: for a key or a number that no correction has.
        """
        table = as_mapping(data, where, ('scale', 'constant', 'each'))
        as_number(table['scale'], f'{where}.scale')
        each = table['each'] if isinstance(table['each'], Mapping) else {'each': table['each']}
        for name, value in {'constant': table['constant'], **each}.items():
            if not is_number(value):
                raise LatencyError(where=f'{where}.{name}', got=value, allowed='a finite number')
        return cls(table['scale'], table['constant'], dict(each))


@dataclass(frozen=True)
class Agreement:
    """How well sums of units agree with whole networks that no correction was fitted on.

    `tau` is Kendall's, `ceiling` the split-half tau of the measurement itself; `error` and `worst`
    are the median and the largest relative error of `nets` networks.
    """

    nets: int
    tau: float
    ceiling: float
    error: float
    worst: float

    @classmethod
    def from_dict(cls, data: object, where: str) -> Self:
        """From plain data.

        Raises:
            UserError: for a key or a number that is none.
        """
        table = as_mapping(data, where, tuple(cls.__dataclass_fields__))
        as_int(table['nets'], f'{where}.nets', 1)
        for name, value in table.items():
            if not is_number(value):
                raise LatencyError(where=f'{where}.{name}', got=value, allowed='a finite number')
        return cls(**table)

    def __str__(self) -> str:
        return (
            f"Kendall's tau {self.tau:.3f} with {self.nets} whole networks, which two halves of "
            f'their measurement have at {self.ceiling:.3f}; relative error {self.error:.1%} '
            f'(median), {self.worst:.1%} (worst)'
        )


@dataclass(frozen=True)
class LatencyTable:
    """The column of a device: milliseconds of a batch, summed over the units of a network.

    Attributes:
        about: what was measured: runtime, precision, device, threads, batch, size, ...
        family: of the networks.
        options: what all of them have in common apart from their units, see `options_of`.
        units: text of a unit -> median and quartiles of its milliseconds.
        correction: fitted on whole networks.
        agreement: with others; None where none were measured.
    """

    about: Mapping[str, Any]
    family: str
    options: Mapping[str, str]
    units: Mapping[str, Spread]
    correction: Correction = field(default_factory=Correction)
    agreement: Agreement | None = None
    _known: dict[Unit, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __call__(self, arch: Arch, size: Size) -> float:
        """The estimate for the backbone of a network.

        Raises:
            LatencyError: for a network of another kind, or a unit that was not measured.
        """
        self._check(arch)
        known = self._known
        times = [self.correction.constant]
        for name, unit in units_of(arch, size):
            if (ms := known.get(unit)) is None:
                key = unit_key(unit)
                if key not in self.units:
                    raise LatencyError(
                        f'{name or "stem"} of {arch.summary} at {size[0]}x{size[1]} was not '
                        'measured',
                        where='latency table',
                        allowed=f'networks of its {len(self.units)} units',
                        hint=HINT,
                    )
                ms = known[unit] = self.correction.unit(key, self.units[key].median)
            times.append(ms)
        return math.fsum(times)

    def parts(self, arch: Arch, size: Size) -> Counter[str]:
        """How many of each unit a network has."""
        return Counter(unit_key(unit) for _, unit in units_of(arch, size))

    def _check(self, arch: Arch) -> None:
        if arch.family != self.family:
            raise LatencyError(where='latency table', got=arch.family, allowed=[self.family])
        for name, value in options_of(arch).items():
            if self.options.get(name) != value:
                raise LatencyError(
                    f'networks with another {name} were measured',
                    where='latency table',
                    got=value,
                    allowed=[self.options.get(name)],
                    hint=HINT,
                )

    def settings(self) -> dict[str, object]:
        """What a study keeps of the column: a table that is measured anew is another one."""
        return {'table': digest(self.to_dict())}

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `from_dict` reads it back."""
        return {
            'about': dict(self.about),
            'family': self.family,
            'options': dict(self.options),
            'correction': dataclasses.asdict(self.correction),
            'agreement': None if self.agreement is None else dataclasses.asdict(self.agreement),
            'units': {key: list(spread) for key, spread in self.units.items()},
        }

    @classmethod
    def from_dict(cls, data: object, where: str) -> Self:
        """A table from plain data.

        Raises:
            UserError: one line that says what is wrong with it.
        """
        table = as_mapping(
            data, where, ('about', 'family', 'options', 'correction', 'agreement', 'units')
        )
        for name in ('about', 'options', 'units'):
            if not isinstance(table[name], Mapping) or not (table[name] or name == 'options'):
                raise LatencyError(where=f'{where}: {name}', got=table[name], allowed='a table')
        units = {}
        for key, row in table['units'].items():
            place = f'{where}: units'
            if not isinstance(row, list) or len(row) != 3:
                raise LatencyError(where=place, got=row, allowed='quartiles of each unit')
            try:
                units[str(key)] = Spread(*(check_time(value, str(key)) for value in row))
            except LatencyError as error:
                raise error.within(place) from None
        agreement, correction = table['agreement'], table['correction']
        return cls(
            dict(table['about']),
            str(table['family']),
            {str(name): str(value) for name, value in table['options'].items()},
            units,
            Correction.from_dict(correction, f'{where}: correction'),
            None if agreement is None else Agreement.from_dict(agreement, f'{where}: agreement'),
        )

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A table from its file.

        Raises:
            UserError: one line that says what is wrong with it.
        """
        try:
            data = json.loads(Path(path).read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise unreadable(path, error, LatencyError, 'a table of tools/benchmark.py') from None
        return cls.from_dict(data, str(path))

    def write(self, path: str | Path) -> None:
        """Write the file, as a whole; milliseconds to six digits."""
        plain = self.to_dict()
        plain['units'] = {
            key: [float(f'{value:.6g}') for value in row] for key, row in plain['units'].items()
        }
        write_whole(path, json.dumps(plain, indent=1, allow_nan=False) + '\n')

    def __str__(self) -> str:
        about = ', '.join(f'{name} {value}' for name, value in self.about.items())
        return f'{len(self.units)} units of {self.family} networks ({about})'


def is_table(path: str | Path) -> bool:
    """Whether a file is one, and not the line of a device, which is YAML."""
    return Path(path).suffix == '.json'
