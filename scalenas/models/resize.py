"""One crop for all resolutions: images brought to the resolution of the network that sees them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from scalenas.errors import UserError

MOST = 2.0
"""No pixel of a crop is drawn out over more than this: beyond it there is nothing to see."""


def resized(images: Tensor, side: int) -> Tensor:
    """images: (N, C, H, H) -> (N, C, side, side), bicubic and antialiased, as PIL resizes.

    Supernets and exported nets both call this in their forward, so that training, calibration,
    validation and deployment see the same pictures, all from one crop.

    Source: BigNAS (Yu et al. 2020), section 3.1, "inplace distillation", and appendix.

    Raises:
        UserError: when the images are no crop that `check_crop` lets pass.
    """
    height, width = images.shape[-2:]
    if (height, width) == (side, side):
        return images
    check_crop(height, width, side)
    size = (side, side)
    return F.interpolate(images, size, mode='bicubic', align_corners=False, antialias=True)


def check_crop(height: int, width: int, side: int) -> None:
    """Pass when a crop of this size can give images of `side` x `side`.

    Raises:
        UserError: for a crop that is not square, or too small; says what to change.
    """
    if height != width:
        raise UserError(
            f'cannot give {side}x{side} undistorted',
            where='resize',
            got=(height, width),
            allowed='a square crop',
            hint='change the crops of the data pipeline, or set resize=False in the backbone',
        )
    if side > MOST * height:
        raise UserError(
            f'cannot give {side}x{side}, more than {MOST:g} times its side',
            where='resize',
            got=(height, width),
            allowed=f'a crop of {-(-side // int(MOST))} pixels or more',
            hint='change the crops of the data pipeline, or leave this resolution out of the space',
        )
