"""What the demo of ScaleNet ends with: which ranks better, how the search went, the family."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from scalenas.arch import ClassificationHead, MBConvArch, from_file, of_family
from scalenas.complexity import Counter
from scalenas.config import read_config
from scalenas.sampling.mbconv_many import macs_of_samplings
from scalenas.scaling import SearchedScalings
from scalenas.search import (
    AlternatingSearch,
    Comparison,
    SearchPlan,
    comparison_of,
    rank_table,
)
from scalenas.space import ScaledSpace, from_dict
from scalenas.visualization.draw_samples import draw_ranks, draw_sampling

from .demo_report import read_card
from .scalenet import ScaleNetDemo

METRIC = 'accuracy/top1'
PATHS = 100_000
FIGURES = ('sampling.png', 'ranks.png', 'iterations.png')


def scalenet_report(demo: ScaleNetDemo) -> tuple[str, tuple[str, ...]]:
    """The tables, and the names of the figures, which are written into the demo's work dir."""
    rows = {f'{kind}, seed {seed}': _comparisons(demo, kind, seed) for kind, seed in demo.runs()}
    draw_ranks(demo.work / 'ranks.png', _of_seed(rows, demo.size.seeds[0]), METRIC)
    shutil.copyfile(demo.found / 'iterations.png', demo.work / 'iterations.png')
    _draw_sampling(demo)
    parts = [rank_table(rows)]
    if len(demo.size.seeds) > 1:
        parts.append(spread_table(rows))
    return '\n\n'.join([*parts, _family_table(demo)]), FIGURES


def spread_table(rows: Mapping[str, Sequence[Comparison]]) -> str:
    """Markdown: mean and standard deviation (n - 1) over the seeds of each sampling.

    A dash where fewer than two seeds have an order.
    """
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for name, comparisons in rows.items():
        for comparison in comparisons:
            groups.setdefault((name.partition(',')[0], comparison.against), []).append(comparison)
    head = '| sampling | score against | seeds | Pearson | Spearman | Kendall |'
    lines = [head, '|---' * 6 + '|']
    for (sampling, against), members in groups.items():
        cells = []
        for name in ('pearson', 'spearman', 'kendall'):
            values = [getattr(member.study, name).value for member in members if member.study]
            cells.append(f'{mean(values):.3f} ± {stdev(values):.3f}' if len(values) > 1 else '-')
        lines.append(f'| {sampling} | {against} | {len(values)} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def _comparisons(demo: ScaleNetDemo, sampling: str, seed: int) -> list[Comparison]:
    path = demo.ranks(sampling, seed) / 'ranks.json'
    return [comparison_of(row) for row in json.loads(path.read_text(encoding='utf-8'))]


def _of_seed(
    rows: Mapping[str, Sequence[Comparison]], seed: int
) -> dict[str, Sequence[Comparison]]:
    return {name: group for name, group in rows.items() if name.endswith(f'seed {seed}')}


def _family_table(demo: ScaleNetDemo) -> str:
    counter = Counter(None, ClassificationHead(10))
    scalings = SearchedScalings.from_file(demo.found / 'scalings.yaml')
    alone = demo.trained().scores(METRIC)
    head = ('stage', 'depth, width, resolution', 'params', 'macs', 'in the supernet', 'exported')
    lines = [f'| {" | ".join(head)} | trained alone |', '|---' * 7 + '|']
    for j, path in enumerate(demo.family):
        factors = scalings(j)
        shown = ', '.join(f'{v:.2f}' for v in (factors.depth, factors.width, factors.resolution))
        cost = counter(of_family(from_file(path), MBConvArch, str(path)))
        inside = exported = ''
        if j <= demo.STAGES:
            metrics = read_card(demo.work / f'exported/s{j}.json')['metrics']
            inside, exported = (f'{metrics[name][METRIC]:.2f}' for name in ('test', 'exported'))
        lines.append(
            f'| {j} | {shown} | {cost["params"] / 1e3:.1f} k | {cost["macs"] / 1e6:.2f} M '
            f'| {inside} | {exported} | {alone[path]:.2f} |'
        )
    return '\n'.join(lines)


def _draw_sampling(demo: ScaleNetDemo) -> None:
    """Macs of sampled paths, as in figure 3, with the budgets of the search."""
    cfg = read_config(str(demo.search_config))
    space = from_dict(cfg.model.architecture.backbone.space.to_dict())
    assert isinstance(space, ScaledSpace)
    head = ClassificationHead(10)
    search = SearchPlan.from_dict(cfg.search).build(space, Counter(None, head))
    assert isinstance(search, AlternatingSearch)
    samples = macs_of_samplings(space, PATHS, head=head)
    budgets = [search.breeder.budgets.target(j) for j in range(demo.STAGES + 1)]
    draw_sampling(samples, budgets, demo.work / 'sampling.png')
