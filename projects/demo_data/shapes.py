"""Seven shapes in look-alike pairs: the two of a pair differ in one documented detail only.

Pairs: disc and gear (teeth at the rim), disc and ring (a hole far from the rim), square and
frame (a small hole), triangle and star (edges pulled in). Everything else is equal.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scalenas.errors import UserError

BACKGROUND = 'background'
SHAPES = ('disc', 'gear', 'ring', 'square', 'frame', 'triangle', 'star')
PAIRS = (('disc', 'gear'), ('disc', 'ring'), ('square', 'frame'), ('triangle', 'star'))

_ROUND_CORNERS = 96
_SUBPIXEL_BITS = 5


@dataclass(frozen=True)
class Details:
    """What tells the two shapes of a pair apart, as shares of the radius.

    teeth: number of teeth of a gear; tooth: their height above and below the rim.
    ring_hole, frame_hole: radius of the hole (round in a ring, square in a frame).
    notch: share by which the middle of each edge of a star is pulled to the centre.
    """

    teeth: int = 9
    tooth: float = 0.14
    ring_hole: float = 0.5
    frame_hole: float = 0.4
    notch: float = 0.45


def _polygon(corners: int, turn: float) -> NDArray[np.float64]:
    angles = turn + 2 * np.pi * np.arange(corners) / corners
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _gear(details: Details, turn: float) -> NDArray[np.float64]:
    steps = 2 * details.teeth
    inner, outer = 1 - details.tooth, 1 + details.tooth
    fine = _polygon(steps * 6, turn)
    high = (np.arange(steps * 6) // 6) % 2 == 0
    return np.asarray(fine * np.where(high, outer, inner)[:, None])


def outlines(shape: str, turn: float, details: Details) -> list[NDArray[np.float64]]:
    """Closed outlines (n, 2) of a shape of radius 1; the second one, if any, is a hole.

    Raises ValueError for a shape that is not in SHAPES.
    """
    if shape == 'disc':
        return [_polygon(_ROUND_CORNERS, turn)]
    if shape == 'gear':
        return [_gear(details, turn)]
    if shape == 'ring':
        rim = _polygon(_ROUND_CORNERS, turn)
        return [rim, rim * details.ring_hole]
    if shape == 'square':
        return [_polygon(4, turn)]
    if shape == 'frame':
        return [_polygon(4, turn), _polygon(4, turn) * details.frame_hole]
    if shape == 'triangle':
        return [_polygon(3, turn)]
    if shape == 'star':
        star = np.empty((6, 2))
        star[0::2] = _polygon(3, turn)
        # The middle of a triangle's edge lies at half the radius.
        star[1::2] = _polygon(3, turn + np.pi / 3) * 0.5 * (1 - details.notch)
        return [star]
    raise UserError(where='shape', got=shape, allowed=SHAPES)


def coverage(
    shape: str,
    centre: tuple[float, float],
    radius: float,
    turn: float,
    size: tuple[int, int],
    details: Details,
) -> NDArray[np.uint8]:
    """How much of each pixel a shape covers, 0..255, in an image of size (height, width).

    centre: (x, y) in pixels, and may lie outside; radius in pixels; turn in radians.
    """
    canvas = np.zeros(size, np.uint8)
    scale = 1 << _SUBPIXEL_BITS
    for value, outline in zip((255, 0), outlines(shape, turn, details), strict=False):
        points = np.rint((outline * radius + np.asarray(centre)) * scale).astype(np.int32)
        cv2.fillPoly(canvas, [points], value, cv2.LINE_AA, _SUBPIXEL_BITS)
    return canvas
