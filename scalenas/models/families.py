"""Which static backbone builds the archs of which family."""

from __future__ import annotations

from scalenas.arch import HRArch, MBConvArch, RegNetArch

BACKBONES: dict[str, str] = {
    HRArch.family: 'scalenas.ScaleHRNet',
    MBConvArch.family: 'scalenas.ScaleMBConvNet',
    RegNetArch.family: 'scalenas.ScaleRegNet',
}
"""Family of an arch -> type of its backbone."""
