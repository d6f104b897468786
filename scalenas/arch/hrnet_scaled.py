"""Growing the modules of HRNet-style networks: deeper branches, fusions at the same relative place.

Fusions into a branch come after one of its blocks. When d blocks become d', those after block n
(of d) go to after block floor(n * d' / d): distinct places stay distinct while a network grows,
the fusions after the last block stay after the last block, and new steps between have none. So
stock HRNet stays stock HRNet, and the single-output rule of pose networks is kept. Where a network
shrinks, fusions that meet are united.
"""

from __future__ import annotations

from collections.abc import Sequence

from .hrnet_module import HRModule, HRStage
from .rounding import Rounding, Scaling
from .strict import as_depth


def scaled_stage(stage: HRStage, scaling: Scaling, rounding: Rounding) -> HRStage:
    """The stage with scaled channels (those of branch 0 rounded, others keep doubling)."""
    channels = rounding.widths(stage.channels, scaling.width)
    return HRStage(channels, tuple(scaled_module(m, scaling, rounding) for m in stage.modules))


def scaled_module(module: HRModule, scaling: Scaling, rounding: Rounding) -> HRModule:
    """The module with scaled depths."""
    depths = tuple(as_depth(rounding.depth(d * scaling.depth), 'depth') for d in module.depths)
    steps: list[list[set[int]]] = [[set() for _ in depths] for _ in range(max(depths))]
    for t, rows in enumerate(module.fusions):
        for i, sources in enumerate(rows):
            if sources:
                place = max(1, (t + 1) * depths[i] // module.depths[i]) - 1
                steps[place][i].update(sources)
    return HRModule(depths, tuple(tuple(tuple(sorted(row)) for row in rows) for rows in steps))


def shrunk_module(
    module: HRModule, scaling: Scaling, rounding: Rounding, depths: Sequence[int]
) -> HRModule | None:
    """The module with branches of `depths` that may grow into this; None where there is none.

    Growing keeps places apart, so that each can be found again; whether the module does grow into
    this one is to be checked, for fusions of new steps have no place.
    """
    found = []
    for depth in module.depths:
        before = [d for d in depths if rounding.depth(d * scaling.depth) == depth]
        if not before:
            return None
        found.append(before[0])
    steps = []
    for t in range(max(found)):
        rows: list[tuple[int, ...]] = []
        for i, depth in enumerate(found):
            place = max(1, (t + 1) * module.depths[i] // depth) - 1
            rows.append(module.fusions[place][i] if t < depth else ())
        steps.append(tuple(rows))
    return HRModule(tuple(found), tuple(steps))
