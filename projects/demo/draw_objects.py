"""People and objects at a glance: what was labelled beside what was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalenas.visualization.figure import BLUE, GREEN, VERMILION, canvas, nothing_to_draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDES = {'left': BLUE, 'right': VERMILION}
TILE = 1.9
"""Width of an image in inches."""


def draw_skeletons(
    rows: Sequence[tuple[NDArray, NDArray, NDArray]],
    names: Sequence[str],
    skeleton: Sequence[Sequence[int]],
    path: str | Path,
    per_line: int = 3,
) -> None:
    """Rows of (image (H, W, 3) RGB, labelled (K, 3), predicted (K, 3)): x, y in pixels, seen.

    `names` are those of the K keypoints, `skeleton` pairs of them counted from 1, as in COCO. Limbs
    of the left side are blue, of the right one red.

    Raises:
        DrawError: without rows.
    """
    if not rows:
        raise nothing_to_draw(path, 'people')
    per_line = min(per_line, len(rows))
    lines = -(-len(rows) // per_line)
    height, width = rows[0][0].shape[:2]
    size = TILE * 2 * per_line, TILE * height / width * lines + 0.3
    with canvas(path, *size, dpi=110) as figure:
        grid = figure.subplots(lines, 2 * per_line, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for n, (image, *poses) in enumerate(rows):
            line, column = divmod(n, per_line)
            for c, (title, pose) in enumerate(zip(('label', 'prediction'), poses, strict=True)):
                axes = grid[line, 2 * column + c]
                _show(axes, image, title if line == 0 else '')
                _skeleton(axes, pose, names, skeleton)


def _skeleton(
    axes: Any, pose: NDArray, names: Sequence[str], skeleton: Sequence[Sequence[int]]
) -> None:
    for one, other in skeleton:
        ends = pose[[one - 1, other - 1]]
        if ends[:, 2].all():
            sides = {names[i - 1].split('_')[0] for i in (one, other)} - {'nose'}
            colour = SIDES.get(next(iter(sides)), GREEN) if len(sides) == 1 else GREEN
            axes.plot(ends[:, 0], ends[:, 1], color=colour, linewidth=1.6)
    seen = pose[pose[:, 2] > 0]
    axes.plot(seen[:, 0], seen[:, 1], '.', color='white', markersize=3)


def draw_boxes(rows: Sequence[tuple[NDArray, Mapping[str, NDArray]]], path: str | Path) -> None:
    """Rows of (image (H, W, 3) RGB, title -> boxes (n, 4) as x, y, width, height in pixels).

    Raises:
        DrawError: without rows.
    """
    from matplotlib.patches import Rectangle

    if not rows:
        raise nothing_to_draw(path, 'images with boxes')
    columns = list(rows[0][1])
    height, width = rows[0][0].shape[:2]
    tile = 1.5 * TILE * min(1.0, width / height)
    size = tile * len(columns), tile * height / width * len(rows) + 0.3
    with canvas(path, *size, dpi=100) as figure:
        grid = figure.subplots(len(rows), len(columns), squeeze=False)
        for line, (image, boxes) in enumerate(rows):
            for column, title in enumerate(columns):
                axes = grid[line, column]
                axes.set_axis_off()
                _show(axes, image, title if line == 0 else '')
                for x, y, w, h in boxes[title]:
                    axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor='yellow'))


def _show(axes: Any, image: NDArray, title: str) -> None:
    axes.imshow(image)
    axes.set_xlim(-0.5, image.shape[1] - 0.5)
    axes.set_ylim(image.shape[0] - 0.5, -0.5)
    if title:
        axes.set_title(title, fontsize=11)
