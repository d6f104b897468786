"""What all figures share: colours that the colour-blind can tell apart, a canvas, safe writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scalenas.complexity import PYCLS, column_of
from scalenas.errors import UserError, unwritable
from scalenas.staging import staged_file

# Okabe and Ito (2008).
BLACK, ORANGE, SKY, GREEN = '#000000', '#E69F00', '#56B4E9', '#009E73'
BLUE, VERMILION, PURPLE, GREY = '#0072B2', '#D55E00', '#CC79A7', '#8A8A8A'

MOST_INCHES = 400  # 60,000 pixels; matplotlib ends at 65,536
STYLE: Any = {
    'font.family': 'DejaVu Sans',
    'font.size': 11,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.titlesize': 13,
    'legend.frameon': False,
    'savefig.facecolor': 'white',
    'svg.hashsalt': 'scalenas',
}


class DrawError(UserError):
    """A figure that cannot be drawn or written: the message is one line for the user."""


def nothing_to_draw(path: str | Path, of: str) -> DrawError:
    """The error for a figure of nothing: `of` says what it would show."""
    return DrawError('nothing to draw', where=path, allowed=of)


@contextmanager
def canvas(path: str | Path, width: float, height: float, dpi: int = 150) -> Iterator[Any]:
    """A figure of `width` x `height` inches; written to `path` when the block ends well.

    Neither pyplot nor the global style is touched. The format follows the name's ending.

    Raises:
        DrawError: for an ending that matplotlib does not write, or a folder that is not there.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    known = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise DrawError(where=path, got=path.suffix, allowed=known)
    if max(width, height) > MOST_INCHES:
        raise DrawError(
            'too large to be drawn',
            where=path,
            got=round(max(width, height)),
            allowed=f'at most {MOST_INCHES} inches',
            hint='`tools/info.py --layers` lists what it has',
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=dpi, layout='constrained')
        FigureCanvasAgg(figure)
        yield figure
        _write(figure, path)


def _write(figure: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged_file(path, path.suffix) as part:
            figure.savefig(part)
    except OSError as error:
        raise unwritable(path, error, DrawError) from None


def macs_unit(largest: float) -> tuple[float, str]:
    """Divisor and name of the unit in which macs up to `largest` read well."""
    return PYCLS.unit(largest)


def axis_of(name: str, largest: float) -> tuple[float, str]:
    """Divisor and label of an axis for a column of the cost, or for a metric, by its name."""
    column = column_of(name)
    divisor, prefix = column.scale_of(largest)
    unit = prefix or (column.unit if column.unit != column.label else '')
    return divisor, f'{column.label} ({unit})' if unit else column.label
