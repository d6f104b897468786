"""Images: everything of the data is in them, labels stay apart, no state is left behind."""

from __future__ import annotations

import itertools
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import pytest
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
    stock_hrnet,
)
from scalenas.scaling import scale
from scalenas.space import named as space_named
from scalenas.visualization import DrawError, draw_arch, draw_front
from scalenas.visualization.draw_arch import END, KERNELS
from scalenas.visualization.draw_hrnet import DOWN, UP
from tests.errors import contains, raises
from tests.strategies import TINY

from .conftest import overlapping

NETS = {
    's1': named('scalenas_s1'),
    'p1': named('scalenas_p1'),
    'w18': named('hrnet_w18_small'),
    'tiny': TINY.sample(random.Random(1)),
    'smallest': TINY.smallest(),
    'inner': space_named('scalenas_w32_inner').sample(random.Random(2)),
}


@pytest.mark.parametrize('name', NETS)
def test_a_drawn_net_has_all_its_blocks_and_fusions(name: str, drawn: list, tmp_path: Path) -> None:
    arch = NETS[name]
    draw_arch(arch, tmp_path / 'net.png', name, (64, 64), SegHead(3))
    axes = drawn[0].axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == arch.num_blocks + 1, 'the blocks, and the stem'
    highs = [round(box.get_height() / 0.4, 6) for box in boxes[1 + arch.stage1_blocks :]]
    shares = [
        n / c
        for stage in arch.stages
        for module in stage.modules
        for n, c, depth in zip(
            module.inner_channels(stage.channels), stage.channels, module.depths, strict=True
        )
        for _ in range(depth)
    ]
    assert highs == shares
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


@pytest.mark.parametrize(
    ('macs', 'texts'),
    [
        (27_190_000, ('27.2 M', '25.9 Mi')),
        (999_999_999, ('1000.0 M', '953.7 Mi')),
        (1_000_000_000, ('1.0 G', '953.7 Mi')),
        (2**30, ('1.1 G', '1.0 Gi')),
        (0, ('0.0 M', '0.0 Mi')),
    ],
)
def test_one_number_has_one_unit(macs: int, texts: tuple, monkeypatch, drawn, tmp_path) -> None:
    """In the title of a drawing, in the table and in words; Gi and Mi only under their rule."""
    from scalenas.complexity import PYCLS, SCALENAS, Cost, Counter
    from scalenas.visualization import CostRow, cost_text

    cost = Cost(macs=macs, params=5, acts=5)
    monkeypatch.setattr(Counter, '__call__', lambda self, arch: cost)
    for rule, text in zip((PYCLS, SCALENAS), texts, strict=True):
        draw_arch(NETS['s1'], tmp_path / 'net.png', size=(64, 64), rule=rule)
        assert f' {text} macs' in drawn[-1].axes[0]._left_title.get_text()
        value, unit = text.split()
        table = cost_text([CostRow('all', 1, 0, cost)], rule)
        assert f'{unit} macs' in table.splitlines()[0]
        printed = table.splitlines()[-1].split()[3]
        assert f'{float(printed):.1f}' == value
    assert str(cost).startswith(f'{float(texts[0].split()[0]):.1f}'[:2])
    assert f' {texts[0].split()[1]} macs' in str(cost)


def test_what_is_too_large_to_be_drawn_is_refused(tmp_path: Path) -> None:
    arch = stock_hrnet(8, (200,), depth=4)
    inches = contains('at most', 'inches')
    with raises(DrawError, got=lambda inches: inches > 100, allowed=inches):
        draw_arch(arch, tmp_path / 'net.png')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('ending', ['png', 'svg', 'pdf'])
def test_formats_and_new_folders(ending: str, tmp_path: Path) -> None:
    path = tmp_path / 'a' / 'b' / f'net.{ending}'
    draw_arch(NETS['smallest'], path)
    assert path.stat().st_size > 1000
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('name', ['net', 'net.txt', 'net.yaml'])
def test_an_unknown_format_dies_before_drawing(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with raises(DrawError, where=path, got=path.suffix, allowed=contains('png', 'svg')):
        draw_arch(NETS['smallest'], path)
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
    with raises(DrawError, where=path, problem=contains('written', 'No space left on device')):
        draw_arch(NETS['tiny'], path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ['net.png']


def test_a_file_in_the_way_of_a_folder_dies(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    path = tmp_path / 'file' / 'net.png'
    with raises(DrawError, where=path, problem=contains('cannot be written')):
        draw_arch(NETS['smallest'], path)


def test_the_same_drawing_is_the_same_file(tmp_path: Path) -> None:
    for name in ('one.png', 'two.png'):
        draw_arch(NETS['tiny'], tmp_path / name, 'net', (64, 64))
    assert (tmp_path / 'one.png').read_bytes() == (tmp_path / 'two.png').read_bytes()


def test_global_style_is_left_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw_arch(NETS['smallest'], tmp_path / 'net.png')
    draw_front(tmp_path / 'front.png', points=[(2e8, 40.0), (3e8, 41.0)])
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
room.draw_front({str(tmp_path / 'front.png')!r}, points=[(1e9, 1.0)])
assert 'matplotlib.pyplot' not in sys.modules
"""
    done = subprocess.run([sys.executable, '-c', code], cwd=Path(__file__).parents[2])
    assert done.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {'net.png', 'front.png'}
