"""Figure 3 of ScaleNet: what is drawn, and what the table beside it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from scalenas.search import StageBudgets
from scalenas.visualization.draw_samples import draw_sampling, sampling_table
from scalenas.visualization.figure import DrawError
from tests.errors import raises

SAMPLES = {
    'hierarchical': np.array([95, 100, 105, 190, 210, 400]) * 1_000_000,
    'uniform': np.array([150, 180, 200, 205]) * 1_000_000,
}


def test_a_picture_with_both_samples(tmp_path: Path) -> None:
    path = tmp_path / 'figure3.png'
    draw_sampling(SAMPLES, [100e6, 200e6], path)
    drawn = np.asarray(Image.open(path).convert('RGB')).reshape(-1, 3)
    assert len({tuple(pixel) for pixel in drawn[::7]}) > 3  # two colours on white, and lines


def test_the_table_counts_what_is_within_a_budget() -> None:
    text = sampling_table(SAMPLES, StageBudgets(100e6, 2.0, 0.06), 2)
    assert [line.split() for line in text.splitlines()] == [
        ['budget', 'M', 'macs', 'hierarchical', 'uniform'],
        ['f_0', '100', '50.0%', '0.0%'],
        ['f_1', '200', '33.3%', '50.0%'],
        ['mean', '183', '184'],
    ]


def test_nothing_to_draw_is_one_line(tmp_path: Path) -> None:
    for samples in ({}, {'a': np.array([], int)}, dict.fromkeys('abc', np.array([1]))):
        got = {name: len(macs) for name, macs in samples.items()}
        with raises(DrawError, where=tmp_path / 'none.png', got=got):
            draw_sampling(samples, [], tmp_path / 'none.png')
    assert not list(tmp_path.iterdir())
