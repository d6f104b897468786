"""The HRNet-style spaces of the papers."""

from __future__ import annotations

from .hrnet import HRSpace


def scalenas_w32() -> HRSpace:
    """ScaleNAS (Cheng et al. 2020), sections 3.2 and 7.1, over HRNet-W32: all maps go out."""
    return HRSpace(width=32)


def scalenas_w48() -> HRSpace:
    """The same over HRNet-W48."""
    return HRSpace(width=48)


def scalenas_w32_single() -> HRSpace:
    """ScaleNAS (Cheng et al. 2020), section 7.4, over HRNet-W32: only the finest map goes out."""
    return HRSpace(width=32, output='single')


def scalenas_w48_single() -> HRSpace:
    """The same over HRNet-W48."""
    return HRSpace(width=48, output='single')
