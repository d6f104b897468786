"""Random networks for property tests, drawn without the space that they test."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from scalenas.arch import HRArch, HRModule, HRStage
from scalenas.space import HRSpace

TINY = HRSpace(width=8, num_modules=(1, 1, 1), depth=(1, 2, 3), stem=16, stage1_blocks=1)
FULL = HRSpace(width=32)


@st.composite
def hr_modules(
    draw: st.DrawFn, num_branches: int, max_depth: int = 5, channels: Sequence[int] = ()
) -> HRModule:
    """Any module of so many branches; of these channels, some also have others inside blocks."""
    depths = draw(st.lists(st.integers(1, max_depth), min_size=num_branches, max_size=num_branches))
    fusions = []
    for t in range(max(depths)):
        rows = []
        for i in range(num_branches):
            others = [k for k in range(num_branches) if k != i]
            on = draw(st.sets(st.sampled_from(others))) if t < depths[i] and others else set()
            rows.append(tuple(sorted(on)))
        fusions.append(tuple(rows))
    inner: tuple[int, ...] = ()
    if channels and draw(st.booleans()):
        inner = tuple(draw(st.integers(1, 64) | st.just(c)) for c in channels)
    return HRModule(tuple(depths), tuple(fusions), inner)


@st.composite
def hr_archs(draw: st.DrawFn) -> HRArch:
    """Any HRNet-style network of up to three stages, of any channels."""
    stages = []
    for j in range(draw(st.integers(1, 3))):
        channels = draw(st.lists(st.integers(1, 64), min_size=j + 2, max_size=j + 2))
        modules = draw(st.lists(hr_modules(j + 2, channels=channels), min_size=1, max_size=2))
        stages.append(HRStage(tuple(channels), tuple(modules)))
    return HRArch(
        tuple(stages),
        stem=draw(st.integers(1, 64)),
        stage1_blocks=draw(st.integers(1, 4)),
        stage1_channels=draw(st.integers(1, 64)),
        upsample=draw(st.sampled_from(['nearest', 'bilinear'])),
        output=draw(st.sampled_from(['multi', 'single'])),
        in_channels=draw(st.integers(1, 4)),
    )


sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))
seeds = st.integers(0, 2**32)
