"""Modules and stages of HRNet-style networks: blocks per branch, fusions after each step.

Growing makes branches deeper and keeps the relative place of each fusion: fusions into a branch
come after one of its blocks, and when d blocks become d', those after block n (of d) move after
block floor(n * d' / d). Distinct places stay distinct while a network grows, the fusions after the
last block stay after the last block, and new steps between have none. So stock HRNet stays stock
HRNet, and the single-output rule of pose networks is kept. Where a network shrinks, fusions that
meet are united. Inner channels of blocks keep their share of the branch's channels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .hrnet_step import FIELD, Rows, Step
from .rounding import Rounding, Scaling, nearest
from .strict import (
    MOST_BRANCHES,
    MOST_MODULES,
    ArchError,
    as_channels,
    as_depth,
    as_list,
    as_mapping,
    inside,
    need_one,
    wrong,
)

_SWITCH = re.compile(r'\s*([0-9]{1,4})\s*<-\s*([0-9]{1,4})\s*')


@dataclass(frozen=True, slots=True)
class HRModule:
    """One multi-resolution module: residual blocks per branch, fusions after each step.

    `fusions[t][i]` are the branches whose maps are added to branch i after step t (0-based).
    Only a branch that had a block at step t (`depths[i] > t`) may receive: the rest does not exist.
    `inner[i]` are the channels between the two convolutions of every block of branch i; () stands
    for those of the branches, as in HRNet. `tally` counts blocks and fusions, as `Step` says.

    Raises:
        ArchError: for a depth below 1, a switch outside the module, an inactive switch, or inner
            channels that are not one number for each branch.
    """

    depths: tuple[int, ...]
    fusions: tuple[Rows, ...]
    inner: tuple[int, ...] = ()
    tally: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        need_one(self.depths, 'depths', 'branch')
        for i, depth in enumerate(self.depths):
            as_depth(depth, f'depths[{i}]')
        if self.inner and len(self.inner) != len(self.depths):
            raise wrong('inner', f'{len(self.depths)} numbers, one per branch', self.inner)
        for i, channels in enumerate(self.inner):
            as_channels(channels, f'inner[{i}]')
        if len(self.fusions) != self.num_steps:
            steps = f'{self.num_steps} steps, as many as the deepest branch has blocks'
            raise wrong('fusions', steps, len(self.fusions))
        least, checked = min(self.depths), []
        for t, rows in enumerate(self.fusions):
            step = rows if type(rows) is Step else Step(rows, f'fusions[{t}]')
            if t >= least or len(step) != len(self.depths):
                _check_step(step, self.depths, t)
            checked.append(step)
        object.__setattr__(self, 'fusions', tuple(checked))
        tally = sum([depth << FIELD * i for i, depth in enumerate(self.depths)])
        object.__setattr__(self, 'tally', tally + sum([step.tally for step in checked]))

    @property
    def num_steps(self) -> int:
        """Block steps: the depth of the deepest branch."""
        return max(self.depths)

    @property
    def num_blocks(self) -> int:
        """Residual blocks over all branches."""
        return sum(self.depths)

    @property
    def num_fusions(self) -> int:
        """Switched-on fusions over all steps."""
        return sum(len(sources) for rows in self.fusions for sources in rows)

    def inner_channels(self, channels: Sequence[int]) -> tuple[int, ...]:
        """Inner channels of the blocks of each branch, where branches have these channels."""
        return self.inner or tuple(channels)

    def fuse_name(self, step: int) -> str:
        """Module name of a step's fusions: HRNet's own for the last step, numbered before it."""
        return 'fuse_layers' if step == self.num_steps - 1 else f'fuse_layers_{step + 1}'

    @classmethod
    def from_dict(cls, data: object, where: str = 'module') -> HRModule:
        """A module from `{depths: [3, 4], fusions: [[0<-1], [], [1<-0], []]}`.

        With `inner: [16, 64]` its blocks have these inner channels.
        """
        table = as_mapping(data, where, ('depths', 'fusions'), ('inner',))
        depths = tuple(
            as_depth(d, f'{where}.depths')
            for d in as_list(table['depths'], f'{where}.depths', 'branches', MOST_BRANCHES)
        )
        need_one(depths, f'{where}.depths', 'branch')
        steps = as_list(table['fusions'], f'{where}.fusions', 'steps')
        rows = tuple(
            _rows(step, len(depths), f'{where}.fusions[{t}]') for t, step in enumerate(steps)
        )
        inner: Sequence[int] = ()
        if 'inner' in table:
            inner = as_list(table['inner'], f'{where}.inner', 'channels', MOST_BRANCHES)
            need_one(inner, f'{where}.inner', 'branch')
        with inside(where):
            return cls(depths, rows, tuple(inner))

    def to_dict(self) -> dict[str, object]:
        """The inverse of `parse`; without `inner` where blocks have the channels of branches."""
        data: dict[str, object] = {
            'depths': list(self.depths),
            'fusions': [
                [f'{i}<-{k}' for i, sources in enumerate(rows) for k in sources]
                for rows in self.fusions
            ],
        }
        return {**data, 'inner': list(self.inner)} if self.inner else data


def _rows(step: object, num_branches: int, where: str) -> Rows:
    rows: list[set[int]] = [set() for _ in range(num_branches)]
    for switch in as_list(step, where, "switches like '0<-1'"):
        match = _SWITCH.fullmatch(switch) if isinstance(switch, str) else None
        if match is None:
            raise wrong(where, "a switch like '0<-1' (target<-source)", switch)
        i, k = int(match[1]), int(match[2])
        if i >= num_branches or k >= num_branches or i == k:
            raise wrong(where, f'two of the branches 0 ... {num_branches - 1}', switch)
        if k in rows[i]:
            raise ArchError('stands twice in one step', where=where, got=switch)
        rows[i].add(k)
    return tuple(tuple(sorted(row)) for row in rows)


def _check_step(step: Step, depths: tuple[int, ...], t: int) -> None:
    """Pass for a step of as many branches, in which none receives that has ended."""
    if len(step) != len(depths):
        raise wrong(f'fusions[{t}]', f'{len(depths)} rows, one per branch', len(step))
    for i in step.targets:
        if t >= depths[i]:
            end = f'none: branch {i} has {depths[i]} blocks, and no step {t}'
            raise wrong(f'fusions[{t}][{i}]', end, step[i])


@dataclass(frozen=True, slots=True)
class HRStage:
    """Modules in sequence over the same branches; `channels[i]` belongs to stride 4 * 2**i.

    Of a module whose inner channels are those of the branches, `inner` becomes (): equal networks
    are equal values.
    """

    channels: tuple[int, ...]
    modules: tuple[HRModule, ...]

    def __post_init__(self) -> None:
        for c in self.channels:
            as_channels(c, 'channels')
        need_one(self.modules, 'modules', 'module')
        for m, module in enumerate(self.modules):
            if len(module.depths) != len(self.channels):
                branches = f'{len(self.channels)} branches, as many as the stage has channels'
                raise wrong(f'modules[{m}].depths', branches, len(module.depths))
        if any(module.inner == self.channels for module in self.modules):
            plain = (replace(m, inner=()) if m.inner == self.channels else m for m in self.modules)
            object.__setattr__(self, 'modules', tuple(plain))

    @classmethod
    def from_dict(cls, data: object, where: str = 'stage') -> HRStage:
        """A stage from `{channels: [32, 64], modules: [...]}`."""
        table = as_mapping(data, where, ('channels', 'modules'))
        channels = as_list(table['channels'], f'{where}.channels', 'branches', MOST_BRANCHES)
        modules = as_list(table['modules'], f'{where}.modules', 'modules', MOST_MODULES)
        parsed = tuple(
            HRModule.from_dict(m, f'{where}.modules[{i}]') for i, m in enumerate(modules)
        )
        with inside(where):
            return cls(tuple(channels), parsed)

    def to_dict(self) -> dict[str, object]:
        """The inverse of `parse`."""
        return {'channels': list(self.channels), 'modules': [m.to_dict() for m in self.modules]}


def module_of(
    depths: Sequence[int], at_steps: Sequence[int] = (), single: bool = False
) -> HRModule:
    """A module with all fusions after the given steps (negative counts from the last), else none.

    With `single`, the last step fuses into branch 0 only.
    """
    num_steps = max(as_depth(depth, 'depth') for depth in depths)
    on = {t % num_steps for t in at_steps}
    return HRModule(
        tuple(depths),
        tuple(
            tuple(
                tuple(k for k in range(len(depths)) if k != i)
                if t in on and t < depths[i] and not (single and i and t == num_steps - 1)
                else ()
                for i in range(len(depths))
            )
            for t in range(num_steps)
        ),
    )


def scaled_stage(stage: HRStage, scaling: Scaling, rounding: Rounding) -> HRStage:
    """The stage with scaled channels (those of branch 0 rounded, others keep doubling)."""
    channels = rounding.widths(stage.channels, scaling.width)
    modules = []
    for module in stage.modules:
        grown = scaled_module(module, scaling, rounding)
        if module.inner:
            grown = replace(grown, inner=scaled_inner(module.inner, stage.channels, channels))
        modules.append(grown)
    return HRStage(channels, tuple(modules))


INNER_MULTIPLE = 4
"""Inner channels that are a share of a branch's are a multiple of this."""


def share_of(channels: int, share: float) -> int:
    """Inner channels that are `share` of a branch's: all for 1, else the nearest multiple of 4.

    At least 4, and for a share below 1 at most those of the branch.
    """
    if share == 1:
        return channels
    inner = nearest(channels * share, INNER_MULTIPLE)
    return min(channels, inner) if share < 1 else inner


def scaled_inner(
    inner: Sequence[int], before: Sequence[int], after: Sequence[int]
) -> tuple[int, ...]:
    """Inner channels of branches whose channels become those of `after`: the same shares."""
    return tuple(
        n if c == grown else share_of(grown, n / c)
        for n, c, grown in zip(inner, before, after, strict=True)
    )


def scaled_module(module: HRModule, scaling: Scaling, rounding: Rounding) -> HRModule:
    """The module with scaled depths, and without its inner channels."""
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
    chosen = []
    for depth in module.depths:
        before = [d for d in depths if rounding.depth(d * scaling.depth) == depth]
        if not before:
            return None
        chosen.append(before[0])
    steps = []
    for t in range(max(chosen)):
        rows: list[tuple[int, ...]] = []
        for i, depth in enumerate(chosen):
            place = max(1, (t + 1) * module.depths[i] // depth) - 1
            rows.append(module.fusions[place][i] if t < depth else ())
        steps.append(tuple(rows))
    return HRModule(tuple(chosen), tuple(steps))
