"""A small scaled space, a score of its networks that needs no training, and MCEA over them."""

from __future__ import annotations

from scalenas.arch import Arch, MBConvArch
from scalenas.complexity import Counter
from scalenas.search import AlternatingSearch, Objectives, StageBudgets
from scalenas.space import MBConvSpace, ScaledSpace, ScalingStage, StageChoices

COST = Counter()
OBJECTIVES = Objectives.from_dict(('accuracy', 'macs'))
BUDGETS = StageBudgets(base_macs=0.2e6, growth=2.0, tolerance=0.25)


def stage_of(j: int) -> ScalingStage:
    """2 x 2 x 3 scalings."""
    depth, width, resolution = (1.0, 1.3), (1.0, 1.2), (1.0, 1.15, 1.3)
    powers = (tuple(v**j for v in values) for values in (depth, width, resolution))
    return ScalingStage(*powers)


BASE = MBConvSpace(
    [
        StageChoices((8,), (1, 2), kernel=(3, 5), expand=(1, 3), stride=2),
        StageChoices((16,), (1, 2, 3), kernel=(3, 5), expand=(3, 6), stride=2),
    ],
    resolution=(32,),
    stem=(8,),
    conv_out=(64,),
)
SPACE = ScaledSpace(BASE, [ScalingStage(), stage_of(1), stage_of(2)])


def score(arch: Arch) -> dict[str, float]:
    """Likes large kernels, late width and, most, resolution; within a budget these compete."""
    assert isinstance(arch, MBConvArch)
    kernels = [block.kernel for stage in arch.stages for block in stage.blocks]
    return {
        'accuracy': sum(kernels) / len(kernels)
        + 0.05 * arch.stages[-1].width
        + 0.08 * arch.resolution
        + 0.1 * len(kernels)
    }


def mcea(**changes: object) -> AlternatingSearch:
    """A small one."""
    arguments = {
        'base_macs': BUDGETS.base_macs,
        'tolerance': BUDGETS.tolerance,
        'num_stages': 2,
        'num_bases': 4,
        'iterations': 3,
        'population': 6,
        'generations': 4,
        'objectives': OBJECTIVES,
        **changes,
    }
    return AlternatingSearch(SPACE, cost=COST, **arguments)  # type: ignore[arg-type]
