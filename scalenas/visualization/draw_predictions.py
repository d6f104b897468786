"""Segmentation at a glance: images, ground truth and predictions side by side, with the classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .figure import DrawError, canvas, nothing_to_draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Row = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]

UNKNOWN = (255, 255, 255)


def draw_predictions(
    rows: Iterable[Row],
    palette: Sequence[Sequence[int]],
    classes: Sequence[str],
    path: str | Path,
    per_line: int = 2,
) -> None:
    """Rows of (image (H, W, 3) uint8 RGB, truth (H, W), prediction (H, W)) class indices.

    `palette[c]` is the RGB colour of class c; pixels of any other index (ignored) stay white.

    Raises:
        DrawError: without rows, or when palette and classes do not go together.
    """
    import numpy as np
    from matplotlib.patches import Patch

    rows = list(rows)
    if not rows:
        raise nothing_to_draw(path, 'predictions')
    if len(palette) != len(classes):
        needed = f'{len(classes)} colours, one per class'
        raise DrawError(where=path, got=len(palette), allowed=needed)
    # One more entry than classes: every ignored index is mapped to it.
    colours = np.asarray([*palette, UNKNOWN], dtype=np.uint8)

    def painted(indices: NDArray[Any]) -> NDArray[Any]:
        known = (indices >= 0) & (indices < len(classes))
        result: NDArray[Any] = colours[np.where(known, indices, len(classes))]
        return result

    per_line = min(per_line, len(rows))
    lines = -(-len(rows) // per_line)
    height, width = rows[0][0].shape[:2]
    tile = 1.9
    legend_lines = -(-len(classes) // 8)
    with canvas(
        path, tile * 3 * per_line, tile * height / width * lines + 0.5 + 0.3 * legend_lines
    ) as figure:
        grid = figure.subplots(lines, 3 * per_line, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for n, (image, truth, prediction) in enumerate(rows):
            line, column = divmod(n, per_line)
            shown = zip(
                ('image', 'truth', 'prediction'),
                (image, painted(truth), painted(prediction)),
                strict=True,
            )
            for c, (name, image) in enumerate(shown):
                axes = grid[line, 3 * column + c]
                axes.imshow(image, interpolation='nearest')
                if line == 0:
                    axes.set_title(name, fontsize=11)
        named = list(zip(classes, palette, strict=True))
        if any(((truth < 0) | (truth >= len(classes))).any() for _, truth, _ in rows):
            named.append(('ignored', UNKNOWN))
        handles = [
            Patch(facecolor=f'#{r:02x}{g:02x}{b:02x}', edgecolor='#777777', label=name)
            for name, (r, g, b) in named
        ]
        figure.legend(
            handles=handles, loc='outside lower center', ncols=min(8, len(handles)), fontsize=10
        )
