"""The MBConv spaces of the papers, and one around a network that is there trained."""

from __future__ import annotations

from dataclasses import replace

from scalenas.arch import MBConvArch, SqueezeRule

from .mbconv import MBConvSpace, StageChoices
from .scaled import ScaledSpace, ScalingStage


def bignas_space() -> MBConvSpace:
    """BigNAS (Yu et al. 2020), table 1; channels in steps of 8 (stage 1 and 2 too).

    With the resolutions that are selected from: 256, which is not trained on, is of section 4.4.
    Table 1 names no squeeze-excitation; with it the nets of figure 9 have the printed parameters.
    """
    rows: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]] = [
        ((16, 24), (1, 2), (3,), 1),
        ((24, 32), (2, 3), (3,), 2),
        ((40, 48), (2, 3), (3, 5), 2),
        ((80, 88), (2, 3, 4), (3, 5), 2),
        ((112, 120, 128), (2, 3, 4, 5, 6), (3, 5), 1),
        ((192, 200, 208, 216), (2, 3, 4, 5, 6), (3, 5), 2),
        ((320, 328, 336, 344, 352), (1, 2), (3, 5), 1),
    ]
    stages = [
        StageChoices(width, depth, kernel, (6,) if s else (1,), stride=stride)
        for s, (width, depth, kernel, stride) in enumerate(rows)
    ]
    return MBConvSpace(
        stages,
        resolution=(192, 224, 256, 288, 320),
        stem=(32, 40),
        conv_out=tuple(range(1280, 1409, 8)),
        shortcut='projected',
    )


def bignas_trained_space() -> MBConvSpace:
    """The space of `bignas_space` as BigNAS trains it, without the resolution 256 (table 1)."""
    data = bignas_space().to_dict()
    return MBConvSpace.from_dict({**data, 'resolution': [192, 224, 288, 320]})


def lite0_space() -> MBConvSpace:
    """Around EfficientNet-Lite0, whose trained weights pip brings: widths and ends are its own.

    One block fewer or more per stage, kernels 3 and 5, expansions 3, 4 and 6.
    """
    rows = ((16, 1, 1), (24, 2, 2), (40, 2, 2), (80, 3, 2), (112, 3, 1), (192, 4, 2), (320, 1, 1))
    stages = [
        StageChoices(
            (width,),
            (depth - 1, depth, depth + 1) if depth > 1 else (1,),
            (3, 5) if s else (3,),
            (3, 4, 6) if s else (1,),
            (False,),
            stride,
        )
        for s, (width, depth, stride) in enumerate(rows)
    ]
    return MBConvSpace(stages, activation='relu6')


def scalenet_space(half: bool = False) -> MBConvSpace:
    """ScaleNet (Xie et al. 2022), table 6: 12 blocks per place, depths 1 to 4, fixed widths.

    `half`: every width halved, as for ImageNet-100 (appendix A).
    """
    widths, strides = (16, 32, 40, 80, 96, 192, 320), (1, 2, 2, 2, 1, 2, 1)
    by = 2 if half else 1
    return MBConvSpace(
        [
            StageChoices(
                (width // by,),
                (1,) if s in (0, 6) else (1, 2, 3, 4),
                expand=(3, 6) if s else (1,),
                se=(False, True),
                stride=stride,
            )
            for s, (width, stride) in enumerate(zip(widths, strides, strict=True))
        ],
        stem=(32 // by,),
        conv_out=(1280 // by,),
    )


def scalenet_stages() -> tuple[ScalingStage, ...]:
    """ScaleNet (Xie et al. 2022), table 7: the base and three scaling stages."""
    rows = (((1.04, 4), (1.00, 3)), ((1.20, 5), (1.21, 3)), ((1.40, 7), (1.43, 3)))
    stages = [ScalingStage()]
    for (low, count), (resolution, sides) in rows:
        factors = tuple(round(low + 0.04 * i, 2) for i in range(count))
        sides_ = tuple(round(resolution + 0.07 * i, 2) for i in range(sides))
        stages.append(ScalingStage(factors, factors, sides_))
    return tuple(stages)


def scalenet_scaled_space(half: bool = False) -> ScaledSpace[MBConvArch]:
    """The whole space of ScaleNet, tables 6 and 7; `half` as wide is the one of ImageNet-100."""
    return ScaledSpace(scalenet_space(half), scalenet_stages())


def scalenet_half_space() -> ScaledSpace[MBConvArch]:
    """That of ScaleNet's ablations on ImageNet-100: half as wide (appendix A)."""
    return scalenet_scaled_space(half=True)


def scalenet_released_space() -> ScaledSpace[MBConvArch]:
    """ScaleNet as its released code trains it, where that is not what the paper says.

    3 blocks at every place, squeeze-excitation everywhere and of the expanded width, hard swish,
    and other resolutions.

    Source: luminolx/ScaleNet; the resolution 354 is the code's.
    """
    paper = scalenet_space()
    base = MBConvSpace(
        [
            StageChoices(stage.width, stage.depth, expand=stage.expand[-1:], stride=stage.stride)
            for stage in paper.stages
        ],
        activation='hswish',
        squeeze=SqueezeRule('expanded', 4),
    )
    sides = ((224, 240, 256), (272, 288, 304), (320, 336, 354))
    grown = zip(scalenet_stages()[1:], sides, strict=True)
    stages = [replace(stage, resolution=tuple(side / 224 for side in row)) for stage, row in grown]
    return ScaledSpace(base, [ScalingStage(), *stages])
