"""Networks without the blocks and fusions whose result nothing reads.

Where only the finest map is an output, the last module may work on after the last fusion into
branch 0: nets P1 and P2 of ScaleNAS do, and their published costs count that work. Without it a
network computes the same map from the same weights.
"""

from __future__ import annotations

from .hrnet import HRArch
from .hrnet_module import HRModule, HRStage


def pruned(arch: HRArch) -> HRArch:
    """The network without dead blocks and fusions; the arch itself where there are none.

    A branch that nothing reads keeps one block, for a module has no fewer. Of a network that
    follows the single-output rule of its space the result does too.
    """
    live = set(range(len(arch.out_channels)))
    stages = []
    for stage in reversed(arch.stages):
        modules = []
        for module in reversed(stage.modules):
            module, live = _without_dead(module, live)
            modules.append(module)
        stages.append(HRStage(stage.channels, tuple(reversed(modules))))
        # The transition opens the last branch from the one before it.
        opened = len(stage.channels) - 1
        live = {min(i, opened - 1) for i in live}
    return arch.with_(stages=tuple(reversed(stages)))


def _without_dead(module: HRModule, read: set[int]) -> tuple[HRModule, set[int]]:
    """The module for a successor that reads the maps `read`, and the maps that it reads itself."""
    live, depths = set(read), [1] * len(module.depths)
    steps = []
    for t in reversed(range(module.num_steps)):
        rows = tuple(row if i in live else () for i, row in enumerate(module.fusions[t]))
        live = live.union(*rows)
        # Once read, a branch is read in all steps before: only its last blocks can be dead.
        for i in live:
            if t < module.depths[i]:
                depths[i] = max(depths[i], t + 1)
        steps.append(rows)
    return HRModule(tuple(depths), tuple(reversed(steps))[: max(depths)]), live
