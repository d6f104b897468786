"""Pictures: everything of the data is in them, labels stay apart, no state is left behind."""

from __future__ import annotations

import itertools
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch

from scalenas.arch import (
    ClassificationHead,
    MBBlock,
    MBConvArch,
    MBStage,
    Scaling,
    SegHead,
    named,
    rounding,
)
from scalenas.arch.rounding import PYCLS_ROUNDING as PYCLS
from scalenas.scaling import scale
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
    draw_arch,
    draw_front,
    draw_histogram,
    draw_predictions,
    figure,
    pareto,
)
from scalenas.visualization.draw_chain import END, KERNELS
from scalenas.visualization.draw_hrnet import DOWN, UP
from scalenas.visualization.draw_runtime import draw_runtime
from tests.strategies import TINY

NETS = {
    's1': named('scalenas_s1'),
    'p1': named('scalenas_p1'),
    'w18': named('hrnet_w18_small'),
    'tiny': TINY.sample(random.Random(1)),
    'smallest': TINY.smallest(),
}


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
    """Pairs of texts that cover each other, and texts that leave the picture."""
    renderer = canvas.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    frame = canvas.bbox
    found = [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]
    return found + [a for a, x in boxes if x.x0 < frame.x0 or x.x1 > frame.x1]


@pytest.mark.parametrize('name', NETS)
def test_a_drawn_net_has_all_its_blocks_and_fusions(name: str, drawn: list, tmp_path: Path) -> None:
    arch = NETS[name]
    draw_arch(arch, tmp_path / 'net.png', name, (64, 64), SegHead(3))
    axes = drawn[0].axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == arch.num_blocks + 1, 'the blocks, and the stem'
    colours = [to_hex(line.get_color()) for line in axes.lines]
    up = sum(k > i for m in arch.modules for row in m.fusions for i, s in enumerate(row) for k in s)
    assert colours.count(UP.lower()) == up
    assert colours.count(DOWN.lower()) == arch.num_fusions - up
    targets = [line for line in axes.lines if line.get_marker() == 'o']
    rows = [s for m in arch.modules for row in m.fusions for s in row if s]
    assert len(targets) == len(rows)
    legend = drawn[0].legends[0].get_texts()
    assert not overlapping(drawn[0], [*axes.texts, axes._left_title, *legend])


CHAINS = {
    'b0': named('efficientnet_b0'),
    'bignas': named('bignas_l'),
    'y': named('regnety_16gf'),
    'resnet': named('resnet50'),
    'no conv_out': named('efficientnet_b0').with_(conv_out=None),
    'deep': scale(named('efficientnet_b0'), Scaling(depth=8), rounding('pycls')).arch,
}


@pytest.mark.parametrize('name', CHAINS)
def test_a_drawn_chain_has_all_its_blocks(name: str, drawn: list, tmp_path: Path) -> None:
    arch = CHAINS[name]
    draw_arch(arch, tmp_path / 'net.png', name, arch.size, ClassificationHead())
    axes = drawn[0].axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    shared = [int(t.get_text()[:-2]) for t in axes.texts if re.fullmatch(r'\d+ x', t.get_text())]
    ends = 1 + (arch.conv_out is not None)
    assert len(boxes) + sum(times - 1 for times in shared) == arch.num_blocks + ends
    assert bool(shared) == (name == 'deep')
    said = [text.get_text() for text in axes.texts]
    for stage in arch.stages:
        assert f'{stage.width} ch' in said
    finest, coarsest = arch.features(arch.size)[0], arch.features(arch.size)[-1]
    assert f'1/{coarsest.stride}' in said
    assert f'{finest.size[0]}x{finest.size[1]}' in said
    legend = drawn[0].legends[0].get_texts()
    assert not overlapping(drawn[0], [*axes.texts, axes._left_title, *legend])
    for box, text in itertools.product(boxes, axes.texts):
        if re.fullmatch(r'e\d', text.get_text()):
            continue  # stands in its box
        assert not box.get_window_extent().overlaps(text.get_window_extent()), text.get_text()


def test_kernels_expansions_and_squeezes_are_what_the_blocks_have(
    drawn: list, tmp_path: Path
) -> None:
    blocks = (MBBlock(3, 1, False), MBBlock(5, 4, True), MBBlock(7, 6, True), MBBlock(7, 6, False))
    arch = MBConvArch((MBStage(16, blocks[:1]), MBStage(24, blocks[1:], 2)))
    draw_arch(arch, tmp_path / 'net.png', 'mixed')
    axes = drawn[0].axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    colours = [to_hex(box.get_facecolor()).upper() for box in boxes]
    assert colours == [END, KERNELS[3], KERNELS[5], KERNELS[7], KERNELS[7], END]
    assert [t.get_text() for t in axes.texts if re.fullmatch(r'e\d', t.get_text())] == [
        *('e1', 'e4', 'e6', 'e6')
    ]
    assert sum(line.get_marker() == 'o' for line in axes.lines) == 2
    legend = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert legend[:4] == ['3x3 depthwise', '5x5 depthwise', '7x7 depthwise', 'squeeze-excitation']


def test_a_wider_stage_is_higher(drawn: list, tmp_path: Path) -> None:
    draw_arch(named('regnetx_32gf'), tmp_path / 'net.png')
    patches = drawn[0].axes[0].patches
    boxes = [patch for patch in patches if isinstance(patch, FancyBboxPatch)]
    highs = [round(box.get_height(), 6) for box in boxes[1:]]
    assert highs == sorted(highs)
    assert len(set(highs)) == 4
    assert not [line for line in drawn[0].axes[0].lines if line.get_marker() == 'o'], 'X has no SE'


def test_the_title_has_the_cost(drawn: list, tmp_path: Path) -> None:
    from scalenas.complexity import SCALENAS

    draw_arch(NETS['s1'], tmp_path / 'net.png', 'S1', (1024, 2048), SegHead(19), SCALENAS)
    draw_arch(NETS['s1'], tmp_path / 'net.png')
    first, second = (canvas.axes[0]._left_title.get_text() for canvas in drawn)
    assert first == (
        'S1\n72 blocks, 95 fusions; 25.35 M params, 265.5 Gi macs at 1024 x 2048 with its head'
    )
    assert second == '72 blocks, 95 fusions'


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
        found=found,
        random=rest,
        chosen=chosen,
        metric='mIoU (%)',
        title='Search',
        maximize=maximize,
    )
    axes = drawn[0].axes[0]
    assert [len(c.get_offsets()) for c in axes.collections] == [60, 60]
    assert axes.get_xlabel() == 'multiply-adds (M)'
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    expected = [[m / 1e6, s] for m, s in front]
    assert np.allclose(lines['front of evolution'], expected)
    assert len(lines['front of random search']) == len(pareto(rest, maximize))
    assert {t.get_text() for t in axes.texts} == {name for *_, name in chosen}
    assert not overlapping(drawn[0], [*axes.texts, *axes.get_legend().get_texts()])


def test_names_of_neighbours_stay_apart(drawn: list, tmp_path: Path) -> None:
    chosen = [(2.5e8 + n * 4e5, 52 + n / 10, f'scalenas_s{n}') for n in range(5)]
    draw_front(tmp_path / 'front.png', found=cloud(2), chosen=chosen)
    axes = drawn[0].axes[0]
    assert len(axes.texts) == 5
    assert not overlapping(drawn[0], axes.texts)


def test_a_front_of_one_network_and_none(tmp_path: Path) -> None:
    draw_front(tmp_path / 'front.png', found=[(3e9, 70.0)], random=[])
    assert (tmp_path / 'front.png').exists()
    with pytest.raises(DrawError, match='no evaluated networks'):
        draw_front(tmp_path / 'none.png', found=[])
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
    ('rows', 'palette', 'message'),
    [
        ([], [(0, 0, 0)], 'no predictions to draw'),
        ([(np.zeros((2, 2, 3)),) * 3], [(0, 0, 0)] * 2, '2 colours for 1 classes'),
    ],
)
def test_wrong_predictions_die(rows: list, palette: list, message: str, tmp_path: Path) -> None:
    with pytest.raises(DrawError, match=message):
        draw_predictions(rows, palette, ['one'], tmp_path / 'p.png')


def test_histograms_hold_every_sample(drawn: list, tmp_path: Path) -> None:
    groups = {'small': [m for m, _ in cloud(3)], 'large': [2 * m for m, _ in cloud(4)]}
    draw_histogram(groups, tmp_path / 'h.png', 'Groups')
    for axes, macs in zip(drawn[0].axes, groups.values(), strict=True):
        assert sum(patch.get_height() for patch in axes.patches) == len(macs)
    draw_histogram({'equal': [5.0, 5.0]}, tmp_path / 'h.png')
    for broken in ({}, {'none': []}):
        with pytest.raises(DrawError, match='nothing was sampled'):
            draw_histogram(broken, tmp_path / 'n.png')


@pytest.mark.parametrize('ending', ['png', 'svg', 'pdf'])
def test_formats_and_new_folders(ending: str, tmp_path: Path) -> None:
    path = tmp_path / 'a' / 'b' / f'net.{ending}'
    draw_arch(NETS['smallest'], path)
    assert path.stat().st_size > 1000
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('name', ['net', 'net.txt', 'net.yaml'])
def test_an_unknown_format_dies_before_drawing(name: str, tmp_path: Path) -> None:
    with pytest.raises(DrawError, match='cannot draw as'):
        draw_arch(NETS['smallest'], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_failed_drawing_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / 'net.png'
    draw_arch(NETS['smallest'], path)
    before = path.read_bytes()

    def full_disk(*_: Any, **__: Any) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('matplotlib.figure.Figure.savefig', full_disk)
    with pytest.raises(DrawError, match=r'net\.png: cannot be written: No space left on device'):
        draw_arch(NETS['tiny'], path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ['net.png']


def test_a_file_in_the_way_of_a_folder_dies(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(DrawError, match='cannot be written'):
        draw_arch(NETS['smallest'], tmp_path / 'file' / 'net.png')


def test_the_same_drawing_is_the_same_file(tmp_path: Path) -> None:
    for name in ('one.png', 'two.png'):
        draw_arch(NETS['tiny'], tmp_path / name, 'net', (64, 64))
    assert (tmp_path / 'one.png').read_bytes() == (tmp_path / 'two.png').read_bytes()


def test_global_style_is_left_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw_arch(NETS['smallest'], tmp_path / 'net.png')
    draw_front(tmp_path / 'front.png', found=cloud(5))
    assert dict(matplotlib.rcParams) == before


def test_the_room_needs_neither_torch_nor_pyplot(tmp_path: Path) -> None:
    """Importing it does not even need matplotlib; drawing never starts pyplot."""
    code = f"""
import sys
sys.modules.update(torch=None, mmengine=None)
import scalenas.visualization as room
assert 'matplotlib' not in sys.modules
from scalenas.arch import named
room.draw_arch(named('hrnet_w18_small'), {str(tmp_path / 'net.png')!r})
room.draw_front({str(tmp_path / 'front.png')!r}, found=[(1e9, 1.0)])
assert 'matplotlib.pyplot' not in sys.modules
"""
    subprocess.run([sys.executable, '-c', code], check=True, cwd=Path(__file__).parents[2])


def runtimes(bases: tuple[str, ...]) -> list[Timing]:
    grid = networks({b: base_at(named(b), 64) for b in bases}, list(FIGURE_2), [1, 2, 4], PYCLS)
    return [timing(net, [1e-9 * (n + 2) * net.cost.acts] * 4) for n, net in enumerate(grid)]


@pytest.mark.parametrize('bases', [('efficientnet_b0',), ('efficientnet_b0', 'regnetz_500mf')])
def test_runtimes_have_every_network_in_every_panel(
    bases: tuple[str, ...], drawn: list, tmp_path: Path
) -> None:
    found = runtimes(bases)
    draw_runtime(found, tmp_path / 'r.png', 'training step, batch 4', 'a device')
    panels = drawn[0].axes
    assert [axes.get_xlabel() for axes in panels] == [
        *('multiply-adds (G)', 'parameters (M)', 'activations (M)', 'activations (M)')
    ]
    for axes in panels[:3]:
        clouds = [line for line in axes.lines if line.get_linestyle() == 'None']
        assert [len(cloud.get_xdata()) for cloud in clouds] == [3] * 4, 'the base is in each'
    labels = [text.get_text() for text in panels[0].get_legend().get_texts()]
    assert labels == ['dwr (compound)', 'dw (dwg)', 'dWr (fast)', 'w (width)']
    clouds = [line for line in panels[3].lines if line.get_linestyle() == 'None']
    points = [xy for cloud in clouds for xy in cloud.get_xydata().tolist()]
    expected = [[t.net.cost.acts / 1e6, 1e3 * t.seconds] for t in found]
    assert np.allclose(sorted(points), sorted(expected))
    first = [t for t in found if t.net.base == bases[0]]
    for axes, metric in zip(panels, METRICS, strict=False):
        assert axes._left_title.get_text() == f'{bases[0]}: r = {correlations(first)[metric]:.2f}'
    assert f'r = {correlations(found)["acts"]:.2f}' in panels[3]._left_title.get_text()


def test_no_runtimes_are_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DrawError, match='no timed networks'):
        draw_runtime([], tmp_path / 'r.png', 'inference')
    assert not list(tmp_path.iterdir())
