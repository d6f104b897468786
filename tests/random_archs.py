"""Random MBConv and RegNet networks for property tests, drawn without the spaces they test."""

from __future__ import annotations

from hypothesis import strategies as st

from scalenas.arch import MBBlock, MBConvArch, MBStage, RegNetArch, RegStage, SqueezeRule
from tests.strategies import hr_archs

blocks = st.builds(MBBlock, st.sampled_from([3, 5, 7]), st.integers(1, 6), st.booleans())


@st.composite
def mbconv_archs(draw: st.DrawFn) -> MBConvArch:
    """Any MBConv network of up to four stages."""
    stage = st.builds(
        MBStage,
        st.integers(1, 64),
        st.lists(blocks, min_size=1, max_size=4).map(tuple),
        st.sampled_from([1, 2]),
    )
    return MBConvArch(
        tuple(draw(st.lists(stage, min_size=1, max_size=4))),
        stem=draw(st.integers(1, 40)),
        conv_out=draw(st.none() | st.integers(1, 100)),
        resolution=draw(st.integers(1, 300)),
        activation=draw(st.sampled_from(['swish', 'relu', 'relu6', 'hswish'])),
        shortcut=draw(st.sampled_from(['identity', 'projected'])),
        squeeze=SqueezeRule(draw(st.sampled_from(['input', 'expanded'])), draw(st.integers(1, 8))),
        in_channels=draw(st.integers(1, 4)),
    )


@st.composite
def regnet_archs(draw: st.DrawFn) -> RegNetArch:
    """Any RegNet-style network of up to four stages."""
    stages = []
    for _ in range(draw(st.integers(1, 4))):
        group, count = draw(st.integers(1, 16)), draw(st.integers(1, 6))
        stages.append(
            RegStage(
                group * count * 4,
                draw(st.integers(1, 4)),
                group,
                draw(st.sampled_from([0.25, 0.5, 1, 4])),
                draw(st.sampled_from([1, 2])),
            )
        )
    return RegNetArch(
        tuple(stages),
        block=draw(st.sampled_from(['x', 'y', 'z'])),
        stem=draw(st.integers(1, 64)),
        stem_type=draw(st.sampled_from(['simple', 'resnet'])),
        conv_out=draw(st.none() | st.integers(1, 100)),
        resolution=draw(st.integers(1, 300)),
    )


archs = hr_archs() | mbconv_archs() | regnet_archs()
