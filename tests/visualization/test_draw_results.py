"""Images of results: fronts, predictions, histograms and runtimes show every number."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalenas.arch import named
from scalenas.arch.rounding import PYCLS_ROUNDING as PYCLS
from scalenas.scaling.runtime import (
    FIGURE_2,
    METRICS,
    Timing,
    base_at,
    correlations,
    networks,
    timing,
)
from scalenas.visualization import (
    DrawError,
    draw_front,
    draw_histogram,
    draw_predictions,
    pareto,
)
from scalenas.visualization.draw_samples import draw_runtime
from tests.errors import raises

from .conftest import overlapping

points = st.lists(
    st.tuples(st.integers(1, 20).map(float), st.integers(0, 20).map(float)), max_size=40
)


@given(points, st.booleans())
def test_pareto_is_what_nothing_beats(archive: list, maximize: bool) -> None:
    sign = 1 if maximize else -1
    expected = {
        (m, s)
        for m, s in archive
        if not any(n <= m and sign * t >= sign * s and (n, t) != (m, s) for n, t in archive)
    }
    front = pareto(archive, maximize)
    assert front == sorted(expected)


def cloud(seed: int, number: int = 60) -> list[tuple[float, float]]:
    rng = random.Random(seed)
    macs = [rng.uniform(2e8, 3e8) for _ in range(number)]
    return [(m, 40 + m / 2e7 + rng.gauss(0, 1)) for m in macs]


@pytest.mark.parametrize('maximize', [True, False])
def test_a_front_shows_every_network(maximize: bool, drawn: list, tmp_path: Path) -> None:
    found, rest = cloud(0), cloud(1)
    front = pareto(found, maximize)
    chosen = [(*front[n], f'net {n}') for n in range(0, len(front), 2)]
    draw_front(
        tmp_path / 'front.png',
        points=found,
        random=rest,
        chosen=chosen,
        metric='mIoU (%)',
        title='Search',
        maximize=maximize,
    )
    axes = drawn[0].axes[0]
    assert [len(c.get_offsets()) for c in axes.collections] == [60, 60]
    assert axes.get_xlabel() == 'MACs (M)'
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    expected = [[m / 1e6, s] for m, s in front]
    assert np.allclose(lines['front of evolution'], expected)
    assert len(lines['front of random search']) == len(pareto(rest, maximize))
    assert {t.get_text() for t in axes.texts} == {name for *_, name in chosen}
    assert not overlapping(drawn[0], [*axes.texts, *axes.get_legend().get_texts()])


def test_names_of_neighbours_stay_apart(drawn: list, tmp_path: Path) -> None:
    chosen = [(2.5e8 + n * 4e5, 52 + n / 10, f'scalenas_s{n}') for n in range(5)]
    draw_front(tmp_path / 'front.png', points=cloud(2), chosen=chosen)
    axes = drawn[0].axes[0]
    assert len(axes.texts) == 5
    assert not overlapping(drawn[0], axes.texts)


def test_a_front_of_one_network_and_none(tmp_path: Path) -> None:
    draw_front(tmp_path / 'front.png', points=[(3e9, 70.0)], random=[])
    assert (tmp_path / 'front.png').exists()
    with raises(DrawError, where=tmp_path / 'none.png', allowed='evaluated networks'):
        draw_front(tmp_path / 'none.png', points=[])
    assert not (tmp_path / 'none.png').exists()


def test_predictions_have_the_palette(drawn: list, tmp_path: Path) -> None:
    palette, classes = [(200, 0, 0), (0, 0, 200)], ['house', 'water']
    image = np.full((8, 8, 3), 7, np.uint8)
    truth = np.zeros((8, 8), np.uint8)
    truth[:2], truth[6:] = 1, 255
    rows = [(image, truth, 1 - truth % 2)] * 3
    draw_predictions(rows, palette, classes, tmp_path / 'p.png')
    shown = [axes.images[0].get_array() for axes in drawn[0].axes if axes.images]
    assert len(shown) == 9
    assert (shown[0] == image).all()
    assert (shown[1][:2] == (0, 0, 200)).all()
    assert (shown[1][2:6] == (200, 0, 0)).all()
    assert (shown[1][6:] == 255).all(), 'ignored pixels are white'
    assert (shown[2][2:6] == (0, 0, 200)).all()
    legend = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert legend == ['house', 'water', 'ignored']


@pytest.mark.parametrize(
    ('rows', 'palette', 'fields'),
    [
        ([], [(0, 0, 0)], {'problem': 'nothing to draw', 'allowed': 'predictions'}),
        (
            [(np.zeros((2, 2, 3)),) * 3],
            [(0, 0, 0)] * 2,
            {'got': 2, 'allowed': '1 colours, one per class'},
        ),
    ],
)
def test_wrong_predictions_die(rows: list, palette: list, fields: dict, tmp_path: Path) -> None:
    with raises(DrawError, where=tmp_path / 'p.png', **fields):
        draw_predictions(rows, palette, ['one'], tmp_path / 'p.png')


def test_histograms_hold_every_sample(drawn: list, tmp_path: Path) -> None:
    groups = {'small': [m for m, _ in cloud(3)], 'large': [2 * m for m, _ in cloud(4)]}
    draw_histogram(groups, tmp_path / 'h.png', 'Groups')
    for axes, macs in zip(drawn[0].axes, groups.values(), strict=True):
        assert sum(patch.get_height() for patch in axes.patches) == len(macs)
    draw_histogram({'equal': [5.0, 5.0]}, tmp_path / 'h.png')
    for broken in ({}, {'none': []}):
        with raises(DrawError, where=tmp_path / 'n.png', names=('samples', *broken)):
            draw_histogram(broken, tmp_path / 'n.png')


def runtimes(bases: tuple[str, ...]) -> list[Timing]:
    grid = networks({b: base_at(named(b), 64) for b in bases}, list(FIGURE_2), [1, 2, 4], PYCLS)
    return [timing(net, [1e-9 * (n + 2) * net.cost['acts']] * 4) for n, net in enumerate(grid)]


@pytest.mark.parametrize('bases', [('efficientnet_b0',), ('efficientnet_b0', 'regnetz_500mf')])
def test_runtimes_have_every_network_in_every_panel(
    bases: tuple[str, ...], drawn: list, tmp_path: Path
) -> None:
    found = runtimes(bases)
    draw_runtime(found, tmp_path / 'r.png', 'training step, batch 4', 'a device')
    panels = drawn[0].axes
    assert [axes.get_xlabel() for axes in panels] == [
        *('MACs (G)', 'parameters (M)', 'activations (M)', 'activations (M)')
    ]
    for axes in panels[:3]:
        clouds = [line for line in axes.lines if line.get_linestyle() == 'None']
        assert [len(cloud.get_xdata()) for cloud in clouds] == [3] * 4, 'the base is in each'
    labels = [text.get_text() for text in panels[0].get_legend().get_texts()]
    assert labels == ['dwr (compound)', 'dw (dwg)', 'dWr (fast)', 'w (width)']
    clouds = [line for line in panels[3].lines if line.get_linestyle() == 'None']
    points = [xy for cloud in clouds for xy in cloud.get_xydata().tolist()]
    expected = [[t.net.cost['acts'] / 1e6, 1e3 * t.seconds] for t in found]
    assert np.allclose(sorted(points), sorted(expected))
    first = [t for t in found if t.net.base == bases[0]]
    for axes, metric in zip(panels, METRICS, strict=False):
        assert axes._left_title.get_text() == f'{bases[0]}: r = {correlations(first)[metric]:.2f}'
    assert f'r = {correlations(found)["acts"]:.2f}' in panels[3]._left_title.get_text()


def test_no_runtimes_are_no_picture(tmp_path: Path) -> None:
    with raises(DrawError, where=tmp_path / 'r.png', allowed='timed networks'):
        draw_runtime([], tmp_path / 'r.png', 'inference')
    assert not list(tmp_path.iterdir())
