"""A table of 128 networks with an analytic score, made as the shipped one is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from scalenas.arch import Arch, SegHead
from scalenas.benchmarks import TableBenchmark
from scalenas.complexity import Counter
from scalenas.space import HRSpace
from tests.search.table import score

SPACE = HRSpace(
    width=8, num_modules=(1, 1), depth=(1, 2), stem=16, stage1_blocks=1, stage1_channels=8
)
for _pattern in ('*.t1.*', '*.f1<-*', '*.f2<-*', 's2.*.f0<-1'):
    SPACE = SPACE.where(_pattern, [False])
COUNT = Counter((64, 64), SegHead(8, conv_bias=False))


def networks() -> list[Arch]:
    """All of the space."""
    genes = SPACE.genes
    values = itertools.product(*(gene.values for gene in genes.values()))
    return list(dict.fromkeys(SPACE.decode(dict(zip(genes, v, strict=True))) for v in values))


def table(archs: Iterable[Arch] | None = None) -> TableBenchmark:
    """Of these networks, by default all."""
    chosen = list(networks() if archs is None else archs)
    scores = [score(arch) for arch in chosen]
    metrics = {name: [row[name] for row in scores] for name in ('mIoU', 'aAcc')}
    return TableBenchmark.of(SPACE, chosen, metrics, [COUNT(arch) for arch in chosen], {'of': 1})
