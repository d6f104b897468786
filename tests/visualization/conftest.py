"""Figures as they are written, and what in them overlaps."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from scalenas.visualization import figure


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures as they are written."""
    figures: list[Any] = []
    write = figure._write

    def keep(canvas: Any, path: Path) -> None:
        figures.append(canvas)
        write(canvas, path)

    monkeypatch.setattr(figure, '_write', keep)
    return figures


def overlapping(canvas: Any, texts: list) -> list:
    """Pairs of texts that cover each other, and texts that leave the image."""
    renderer = canvas.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    frame = canvas.bbox
    found = [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]
    return found + [a for a, x in boxes if x.x0 < frame.x0 or x.x1 > frame.x1]
