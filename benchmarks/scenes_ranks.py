#!/usr/bin/env python3
"""The tables of docs/rank.md on ranking, from the files of the repository; needs no torch.

    python benchmarks/scenes_ranks.py

What `benchmarks/hr_scenes.py` and `benchmarks/supernets.py` trained is in the package and in
benchmarks/results. Of networks that differ in blocks that reach no output one is counted.
"""

from __future__ import annotations

import csv
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scalenas.arch import Arch, HRArch
from scalenas.benchmarks import TableBenchmark, hr_scenes
from scalenas.benchmarks.table import Alone
from scalenas.space import AbstractSpace

RESULTS = Path(__file__).resolve().parent / 'results/supernets.csv'
SEEDS = (0, 1)
DRAWS = 4000
Floats = NDArray[np.float64]


def live(of: AbstractSpace[Any], arch: Arch) -> HRArch:
    """The network without blocks that no fusion brings to the finest map: the same function."""
    genes = of.encode(arch)
    into, middle, coarse = (
        genes[f's3.{name}'] for name in ('m0.t0.f0<-1', 'm1.t0.f0<-1', 'm1.t0.f0<-2')
    )
    if not middle:
        genes['s3.m0.b1.depth'] = 1
    if not coarse:
        genes['s3.m0.b2.depth'] = 1
    if not (into or middle or coarse):
        genes['s2.m0.b1.depth'] = 1
    found = of.decode(genes)
    assert isinstance(found, HRArch)
    return found


def functions(of: AbstractSpace[Any], archs: Sequence[Arch]) -> list[int]:
    """For each network the slot of the one that `live` makes of it."""
    slots = {arch: slot for slot, arch in enumerate(archs)}
    return [slots[live(of, arch)] for arch in archs]


class Reference(NamedTuple):
    """Networks that were trained alone with both seeds, of each function the first."""

    slots: list[int]
    scores: Floats
    """(networks, seeds)"""
    search: Floats
    """The same on the search split."""

    @property
    def means(self) -> Floats:
        """Of both seeds."""
        return self.scores.mean(axis=1)


def reference(of: AbstractSpace[Any], archs: Sequence[Arch], alone: Sequence[Alone]) -> Reference:
    """Of the networks `archs`, by slot, those that are in `alone`."""
    firsts: dict[HRArch, Alone] = {}
    for one in alone:
        if set(SEEDS) <= set(one.seeds):
            firsts.setdefault(live(of, one.arch), one)
    kept, slots = list(firsts.values()), {arch: slot for slot, arch in enumerate(archs)}
    scores, search = (
        np.array([[one.seeds[seed][name] for seed in SEEDS] for one in kept])
        for name in ('mIoU', 'mIoU_search')
    )
    return Reference([slots[one.arch] for one in kept], scores, search)


def _signs(x: Floats) -> Floats:
    return np.sign(x[..., :, None] - x[..., None, :])


def kendall(x: Floats, y: Floats, weights: Floats | None = None) -> Floats:
    """Kendall's tau-b of the last axes of x and y (..., N), of which the others broadcast.

    `weights` (..., N) say how often each element is there; without them each is there once. NaN
    where one of both is constant.
    """
    a, b = _signs(x), _signs(y)
    w = np.ones(x.shape[-1]) if weights is None else weights

    def total(values: Floats) -> Floats:
        summed: Floats = np.einsum('...i,...ij,...j->...', w, values, w, optimize=True)
        return summed

    with np.errstate(invalid='ignore'):
        found: Floats = total(a * b) / np.sqrt(total(a * a) * total(b * b))
    return found


def percentiles(values: Floats) -> tuple[float, float]:
    """Of 95 %; draws in which all scores are equal have no tau, and are left out."""
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)


def multiplicities(rng: np.random.Generator, num: int, draws: int = DRAWS) -> Floats:
    """How often each of `num` is in each draw of a bootstrap: (draws, num)."""
    return rng.multinomial(num, [1 / num] * num, draws).astype(float)


def tau_text(x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> str:
    """Tau with the interval of a bootstrap over networks."""
    a, b = np.asarray(x, float), np.asarray(y, float)
    drawn = kendall(a, b, multiplicities(np.random.default_rng(0), len(a)))
    return '{:.2f} [{:.2f}, {:.2f}]'.format(float(kendall(a, b)), *percentiles(drawn))


@dataclass(frozen=True)
class Ceilings:
    """Mean tau of a perfect order, and of another training, with one seed and with the mean."""

    perfect_one: float
    perfect_mean: float
    another_one: float
    another_mean: float


def ceilings(scores: Floats, draws: int = 20_000) -> Ceilings:
    """Under a normal model: what a network is worth, and the noise of a seed.

    The variance of a seed is half of that of the differences of two. Worths are the means of both
    seeds, drawn together to the variance that is left without that noise; it is added anew.
    """
    noise = float((scores[:, 0] - scores[:, 1]).var(ddof=1) / 2)
    means = scores.mean(axis=1)
    kept = math.sqrt(max(0.0, 1 - noise / 2 / float(means.var(ddof=1))))
    worth = means.mean() + kept * (means - means.mean())
    rng = np.random.default_rng(0)
    seeds = worth + rng.normal(0, math.sqrt(noise), (3, draws, len(worth)))
    both = seeds[:2].mean(axis=0)
    pairs = ((worth, seeds[0]), (worth, both), (seeds[2], seeds[0]), (seeds[2], both))
    return Ceilings(*(float(kendall(x, y).mean()) for x, y in pairs))


def findings(table: TableBenchmark) -> str:
    """As Markdown: whether the data have signal, and who orders networks as whom."""
    alone = reference(table.space, table.archs, table.alone)
    means, one, two = alone.means, *alone.scores.T
    gap = float(abs(one - two).mean())
    low, high = float(means.min()), float(means.max())
    every = table.metrics['mIoU']
    same = functions(table.space, table.archs)
    slots = sorted(set(same))
    shown = every[alone.slots]
    macs = table.costs['macs'].astype(float)
    most = ceilings(alone.scores)
    minus = [shown - alone.search[:, seed] for seed in range(2)]
    apart = np.mean(minus, axis=0)
    lines = [
        f'{len(table):,} networks in the supernet ({len(slots):,} functions): mIoU '
        f'{every.min():.1f} to {every.max():.1f}; {len(table.front())} on the front',
        f'{len(means)} functions alone, two seeds: mIoU {low:.1f} to {high:.1f}; trivial score '
        f'{float(table.about["trivial"]):.1f}; mean gap of two seeds {gap:.2f}, range '
        f'{(high - low) / gap:.1f} gaps',
        f'supernet minus alone, search split, {len(apart)} functions: {apart.mean():+.2f} ± '
        f'{stats.sem(apart):.2f} (standard error), {apart.min():+.1f} to {apart.max():+.1f}',
        '',
        "| order by | Kendall's tau with seed 0 alone | with seed 1 alone | with their mean |",
        '|---' * 4 + '|',
    ]
    rows = (('supernet', shown), ('MACs', macs[alone.slots]))
    lines += [f'| another seed | {tau_text(one, two)} | the same | |']
    for name, values in rows:
        cells = [tau_text(values, other) for other in (one, two, means)]
        lines.append(f'| {name} | {" | ".join(cells)} |')
    lines += [
        f'| another training, simulated | {most.another_one:.2f} | the same '
        f'| {most.another_mean:.2f} |',
        f'| a perfect order, simulated | {most.perfect_one:.2f} | the same '
        f'| {most.perfect_mean:.2f} |',
        '',
        f'MACs with the supernet, the {len(slots):,} functions: tau '
        f'{float(stats.kendalltau(macs[slots], every[slots]).statistic):.2f}',
    ]
    return '\n'.join(lines)


@dataclass(frozen=True)
class Variant:
    """One supernet; `rate` is its learning rate in those of the teacher, `weight` the
    distillation's, where it is not that of the recipe.
    """

    sampler: str
    distilled: bool
    started: bool
    rate: float
    weight: float = 1.0

    @property
    def name(self) -> str:
        """For files and tables."""
        words = (
            self.sampler,
            'labels' if not self.distilled else f'kd{self.weight:g}' if self.weight != 1 else 'kd',
            'start' if self.started else 'noise',
            f'{self.rate:g}',
        )
        return '-'.join(words)

    @classmethod
    def of(cls, name: str) -> Variant:
        """The one of a name."""
        sampler, distilled, started, rate = name.split('-')
        weight = float(distilled.removeprefix('kd') or 1) if distilled != 'labels' else 1.0
        return cls(sampler, distilled != 'labels', started == 'start', float(rate), weight)


RECIPE = Variant('grouped', True, True, 1.0)
"""Of the table benchmark: configs/scalenas_seg/scenes/supernet_w8_1xb16-1200_scenes-64x64.py."""


@dataclass(frozen=True)
class Trained:
    """The supernets of one variant: seed -> slot -> mIoU on the search split; minutes."""

    scores: dict[int, dict[int, float]]
    minutes: list[float]

    def at(self, slots: Sequence[int], seeds: Sequence[int] | None = None) -> Floats:
        """(seeds, slots)"""
        chosen = self.scores if seeds is None else seeds
        return np.array([[self.scores[seed][slot] for slot in slots] for seed in chosen])


def supernets(rows: Sequence[dict[str, str]]) -> dict[Variant, Trained]:
    """Of the lines that benchmarks/supernets.py wrote."""
    found: dict[Variant, Trained] = {}
    for row in rows:
        one = found.setdefault(Variant.of(row['variant']), Trained({}, []))
        scores = {int(k[3:]): float(v) for k, v in row.items() if k.startswith('net')}
        one.scores[int(row['seed'])] = scores
        one.minutes.append(float(row['seconds']) / 60)
    return found


def summary(found: dict[Variant, Trained], alone: Reference, ends: tuple[int, int]) -> str:
    """As Markdown: a row for each variant, with the mean and the range over its seeds."""
    head = ('supernet', 'seeds', 'tau, mean of two', 'tau, seed 0', 'tau, seed 1', 'mean mIoU')
    lines = [f'| {" | ".join((*head, "smallest", "largest", "minutes"))} |', '|---' * 9 + '|']
    against = (alone.means, *alone.scores.T)

    def mean_tau(variant: Variant) -> float:
        return float(kendall(found[variant].at(alone.slots), alone.means).mean())

    for variant in sorted(found, key=mean_tau, reverse=True):
        one = found[variant]
        shown, edges = one.at(alone.slots), one.at(ends)
        cells: list[Sequence[float]] = [kendall(shown, y).tolist() for y in against]
        cells += [shown.mean(axis=1).tolist(), *edges.T.tolist(), one.minutes]
        texts = ' | '.join(spread_text(values) for values in cells)
        lines.append(f'| {variant.name} | {len(shown)} | {texts} |')
    return '\n'.join(lines)


def spread_text(values: Sequence[float]) -> str:
    """The mean, with the least and the most of several seeds."""
    mean = sum(values) / len(values)
    digits = 2 if max(values) < 10 else 1
    if len(values) == 1:
        return f'{mean:.{digits}f}'
    return f'{mean:.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]'


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean, and Student's interval of it."""
    mean, n = statistics.mean(values), len(values)
    quantile = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    half = quantile * statistics.stdev(values) / math.sqrt(n)
    return mean, mean - half, mean + half


def both_ways(
    values: Callable[[Floats], Floats], num_seeds: int, num: int, draws: int = DRAWS
) -> tuple[float, float]:
    """Percentiles of a bootstrap over seeds and networks.

    `values` gives for weights of the networks (draws, 1, num) one number a seed (draws, seeds).
    """
    rng = np.random.default_rng(0)
    per_seed = values(multiplicities(rng, num, draws)[:, None])
    seeds = multiplicities(rng, num_seeds, draws)
    return percentiles((per_seed * seeds).sum(axis=1) / num_seeds)


def bases(variant: Variant) -> list[Variant]:
    """Those that differ in one thing, which is as in the recipe."""
    return [
        replace(variant, **{name: getattr(RECIPE, name)})
        for name in ('sampler', 'distilled', 'started', 'rate', 'weight')
        if getattr(variant, name) != getattr(RECIPE, name)
    ]


def differences(found: dict[Variant, Trained], alone: Reference) -> str:
    """As Markdown: variants minus those that differ in one thing, paired by seed."""
    over = ('over seeds', 'over networks and seeds')
    heads = [f'{what}, {how}' for what in ('tau', 'mean mIoU') for how in over]
    lines = [f'| supernet | minus | seeds | {" | ".join(heads)} |', '|---' * 7 + '|']
    pairs = [(variant, base) for variant in found for base in bases(variant) if base in found]
    for variant, base in pairs:
        seeds = sorted(set(found[variant].scores) & set(found[base].scores))
        if len(seeds) < 2:
            continue
        a, b = (found[one].at(alone.slots, seeds) for one in (variant, base))

        def tau(w: Floats | None, a: Floats = a, b: Floats = b) -> Floats:
            return kendall(a, alone.means, w) - kendall(b, alone.means, w)

        def mean(w: Floats, a: Floats = a, b: Floats = b) -> Floats:
            summed: Floats = (w * (a - b)).sum(axis=-1) / w.sum(axis=-1)
            return summed

        cells = []
        for each, values in ((tau(None), tau), (mean(np.ones(a.shape[1])), mean)):
            cells.append('{:+.2f} [{:+.2f}, {:+.2f}]'.format(*interval(each.tolist())))
            cells.append('[{:+.2f}, {:+.2f}]'.format(*both_ways(values, len(seeds), a.shape[1])))
        lines.append(f'| {variant.name} | {base.name} | {len(seeds)} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def tables(table: TableBenchmark, rows: Sequence[dict[str, str]]) -> list[str]:
    """All of this module, as Markdown."""
    found, alone = supernets(rows), reference(table.space, table.archs, table.alone)
    ends = table.slot(table.space.smallest()), table.slot(table.space.largest())
    return [findings(table), summary(found, alone, ends), differences(found, alone)]


def committed() -> list[dict[str, str]]:
    """The lines of benchmarks/results/supernets.csv."""
    with RESULTS.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


if __name__ == '__main__':
    print('\n\n'.join(tables(hr_scenes.load(), committed())))
