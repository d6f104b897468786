"""From activations to latency: the line that a device was measured to follow, and its file."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import yaml

from scalenas.arch import Arch, Size
from scalenas.arch.document import read_yaml_file
from scalenas.arch.strict import as_choice, as_int, as_mapping, as_number, is_number
from scalenas.complexity import Counter

from .strategy import ScalingError

Kind = Literal['inference', 'training']
KINDS: tuple[Kind, ...] = ('inference', 'training')
EVERY = 'all'
"""Name of the line through the networks of all bases."""


@dataclass(frozen=True, slots=True)
class LatencyLine:
    """Milliseconds of a batch over millions of activations of one image: a straight line.

    `r` is Pearson's correlation, `error` the median of the relative errors of the measured
    networks, `least` and `most` the activations (in millions) between which they lie.

    Source: Dollar et al. 2021, section 4 and figure 2.
    """

    slope: float
    intercept: float
    r: float
    error: float
    least: float
    most: float
    points: int

    def __call__(self, arch: Arch, size: Size) -> float:
        """The estimate for a network: heads were not timed, so only its backbone counts."""
        return self.ms(backbone_acts(arch, size))

    def ms(self, acts: float) -> float:
        """The estimate for a network of so many activations."""
        return self.intercept + self.slope * acts / 1e6

    def settings(self) -> dict[str, object]:
        """What a study keeps of the column."""
        return asdict(self)

    def acts(self, ms: float) -> float:
        """The activations at which the estimate is `ms`."""
        return (ms - self.intercept) / self.slope * 1e6

    def covers(self, acts: float) -> bool:
        """True between the smallest and the largest network that was measured."""
        return self.least <= acts / 1e6 <= self.most

    @classmethod
    def from_dict(cls, data: object, where: str) -> Self:
        """A line from plain data.

        Raises:
            ArchError, ScalingError: for a key or a number that no line has.
        """
        table = as_mapping(data, where, tuple(cls.__dataclass_fields__))
        for name in ('slope', 'least', 'most'):
            as_number(table[name], f'{where}.{name}')
        for name in ('intercept', 'r', 'error'):
            value = table[name]
            if not is_number(value):
                raise ScalingError(where=f'{where}.{name}', got=value, allowed='a finite number')
        as_int(table['points'], f'{where}.points', 2)
        if table['least'] > table['most']:
            allowed = f'at most {table["most"]:g}, which is most'
            raise ScalingError(where=f'{where}.least', got=table['least'], allowed=allowed)
        return cls(**table)

    def __str__(self) -> str:
        sign = '-' if self.intercept < 0 else '+'
        return (
            f'{self.slope:.3g} ms per M acts {sign} {abs(self.intercept):.3g} ms, r {self.r:.3f}, '
            f'median error {self.error:.0%}, {self.points} networks of {self.least:.3g} to '
            f'{self.most:.3g} M acts'
        )


def backbone_acts(arch: Arch, size: Size | None) -> float:
    """Activations of a network without its head."""
    return _counter(size)(arch)['acts']


@functools.cache
def _counter(size: Size | None) -> Counter:
    return Counter(size)


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """Pearson's correlation of two columns; 0 where one of them is constant.

    Raises:
        ScalingError: for fewer than two rows.
    """
    if len(x) < 2:
        raise ScalingError(where='correlation', got=len(x), allowed='two networks at least')
    if len(set(x)) < 2 or len(set(y)) < 2:
        return 0.0
    return statistics.correlation(x, y)


def fit_line(acts: Sequence[float], ms: Sequence[float]) -> LatencyLine:
    """The least-squares line through measured networks.

    Raises:
        ScalingError: for fewer than two networks, equal activations, or times that do not rise.
    """
    if len(set(acts)) < 2:
        allowed = 'two networks of different activations at least'
        raise ScalingError(where='latency line', got=len(set(acts)), allowed=allowed)
    millions = [value / 1e6 for value in acts]
    slope, intercept = statistics.linear_regression(millions, ms)
    if not slope > 0:
        raise ScalingError(
            f'{len(ms)} measured times do not rise with activations',
            where='latency line',
            got=slope,
            allowed='a slope > 0 ms per M acts',
            hint='measure again, with more runs or larger networks',
        )
    errors = [abs(intercept + slope * m - y) / y for m, y in zip(millions, ms, strict=True)]
    return LatencyLine(
        slope,
        intercept,
        pearson(millions, ms),
        statistics.median(errors),
        min(millions),
        max(millions),
        len(ms),
    )


@dataclass(frozen=True, slots=True)
class LatencyModel:
    """The lines of one device: for each kind of run one per base network, and one through all.

    Milliseconds are those of a whole batch of `batch` images.
    """

    device: str
    threads: int
    batch: int
    software: str
    lines: Mapping[Kind, Mapping[str, LatencyLine]]

    def line(self, base: str, kind: Kind = 'inference') -> tuple[str, LatencyLine]:
        """Name and value of the line of this base, where it was measured, else that of all.

        Raises:
            ScalingError: when this kind of run was not measured.
        """
        lines = self.lines.get(kind)
        if not lines:
            problem = f'was not measured on {self.device}'
            raise ScalingError(problem, where='latency', got=kind, allowed=self.lines)
        name = base if base in lines else EVERY
        return name, lines[name]

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A model from its file.

        Raises:
            ArchError, ScalingError: one line that says what is wrong with it.
        """
        where = str(path)
        about = ('device', 'threads', 'batch', 'software')
        table = as_mapping(read_yaml_file(path, 'a latency model'), where, about, KINDS)
        lines: dict[Kind, dict[str, LatencyLine]] = {}
        for kind in KINDS:
            if kind in table:
                names = table[kind]
                if not isinstance(names, Mapping) or EVERY not in names:
                    allowed = f'lines by name, {EVERY!r} one'
                    raise ScalingError(where=f'{where}: {kind}', got=names, allowed=allowed)
                lines[kind] = {
                    str(name): LatencyLine.from_dict(line, f'{where}: {kind}.{name}')
                    for name, line in names.items()
                }
        for name in ('threads', 'batch'):
            as_int(table[name], f'{where}: {name}')
        device, software = str(table['device']), str(table['software'])
        return cls(device, table['threads'], table['batch'], software, lines)

    def dump(self) -> str:
        """YAML from which `load` makes the model again, numbers to four digits."""
        plain: dict[str, Any] = {
            'device': self.device,
            'threads': self.threads,
            'batch': self.batch,
            'software': self.software,
        }
        for kind, lines in self.lines.items():
            as_choice(kind, 'kind', KINDS)
            plain[kind] = {name: _rounded(line) for name, line in lines.items()}
        head = (
            '# Written by tools/benchmark_scaling.py: what this device was measured to need.\n'
            '# ms = intercept + slope * M acts, for a batch; valid from least to most M acts.\n'
        )
        return head + yaml.safe_dump(plain, sort_keys=False, width=1000)


def _rounded(line: LatencyLine) -> dict[str, float]:
    return {
        name: value if name == 'points' else float(f'{value:.4g}')
        for name, value in asdict(line).items()
    }
