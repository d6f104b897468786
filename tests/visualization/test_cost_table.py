"""The cost table: parts sum to the whole, and tools/info.py prints it without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

from scalenas.arch import (
    ArchError,
    ClassificationHead,
    HRArch,
    RCNNHead,
    SegHead,
    dump,
    named,
    parse_head,
)
from scalenas.complexity import PYCLS, SCALENAS, Cost, Counter
from scalenas.visualization import cost_rows, cost_text, layer_text
from tests.errors import contains, raises
from tests.strategies import hr_archs, sizes

ROOT = Path(__file__).resolve().parents[2]


@settings(deadline=None)
@given(hr_archs(), sizes)
def test_parts_sum_to_the_whole(arch: HRArch, size: tuple) -> None:
    rows = cost_rows(arch, size, SegHead(5))
    assert sum((row.cost for row in rows), Cost()) == Counter(size, SegHead(5))(arch)
    assert sum(row.blocks for row in rows) == arch.num_blocks
    assert sum(row.fusions for row in rows) == arch.num_fusions
    names = [row.name for row in rows]
    assert len(set(names)) == len(names)
    modules = [name for name in names if name.startswith('stage')]
    assert len(modules) == len(arch.modules)


def test_table_of_s1() -> None:
    rows = cost_rows(named('scalenas_s1'), (1024, 2048), SegHead(19))
    lines = cost_text(rows, SCALENAS).splitlines()
    assert lines[0].replace(' ', '') == 'partblocksfusionsMparamsGimacsMactsshare'
    total = Counter((1024, 2048), SegHead(19))(named('scalenas_s1'))
    expected = ['total', '72', '95', '25.349', '265.535', f'{total["acts"] / 1e6:.3f}', '100.0%']
    assert lines[-1].split() == expected
    assert [line.split()[0] for line in lines[2:6]] == ['stem', 'layer1', 'transition1', 'stage2.0']
    assert '285.116' in cost_text(rows, PYCLS).splitlines()[-1]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize('name', ['efficientnet_b0', 'bignas_s', 'regnetz_500mf', 'resnet50'])
def test_a_chain_has_a_row_for_each_stage(name: str) -> None:
    arch, head = named(name), ClassificationHead()
    rows = cost_rows(arch, arch.size, head)
    assert sum((row.cost for row in rows), Cost()) == Counter(head=head)(arch)
    end = ['conv_out'] if arch.conv_out is not None else []
    stages = [f'stage{s}' for s in range(1, len(arch.stages) + 1)]
    assert [row.name for row in rows] == ['stem', *stages, *end, 'head']
    assert sum(row.blocks for row in rows) == arch.num_blocks
    last = arch.features(arch.size)[-1]
    assert rows[-2].output == f'{last.channels} x {last.size[0]}x{last.size[1]}'
    lines = cost_text(rows).splitlines()
    assert 'fusions' not in lines[0]
    assert len({len(line) for line in lines}) == 1


def test_small_nets_are_counted_in_millions() -> None:
    """B0 as published: 5.29 M parameters, 386 M MACs, 6.75 M activations."""
    rows = cost_rows(named('efficientnet_b0'), (224, 224), ClassificationHead())
    assert cost_text(rows).splitlines()[0].split()[-6:-2] == ['params', 'M', 'macs', 'M']
    assert cost_text(rows).splitlines()[-1].split() == [
        *('total', '16', '5.289', '385.815', '6.747', '100.0%')
    ]
    macs = Counter(head=ClassificationHead())(named('efficientnet_b0'))['macs']
    assert f'{macs / 2**20:.3f}' in cost_text(rows, SCALENAS).splitlines()[-1]
    assert 'Mi macs' in cost_text(rows, SCALENAS)


def test_layers_are_listed_with_exact_numbers() -> None:
    arch = named('hrnet_w18_small')
    lines = layer_text(arch, (64, 96), SegHead(3)).splitlines()[2:]
    cost = Counter((64, 96), SegHead(3))(arch)
    columns = [line.split() for line in lines]
    assert [sum(int(c[k]) for c in columns) for k in (-3, -2, -1)] == [
        cost['params'],
        cost['macs'],
        cost['acts'],
    ]
    assert [c[0] for c in columns[:-2]] == [layer.name for layer in arch.layers((64, 96))]


@pytest.mark.parametrize('text', ['seg', 'seg:', 'seg:0', 'seg:-1', 'sge:19', 'seg:1.5', '', '19'])
def test_a_wrong_head_dies(text: str) -> None:
    with raises(ArchError, where='head', got=text, allowed=contains('seg:NUMBER', 'none')):
        parse_head(text)
    assert parse_head('seg:19') == SegHead(19)
    assert parse_head('none') is None


def test_detectors_have_words_too() -> None:
    assert parse_head('faster_rcnn:80') == RCNNHead(80)
    assert parse_head('mask_rcnn:3') == RCNNHead(3, mask=True)
    with raises(ArchError, where='num_masks', got=0):
        RCNNHead(80, num_masks=0)


def info(*args: str) -> subprocess.CompletedProcess:
    # A module that is None in sys.modules cannot be imported.
    code = (
        'import runpy, sys; sys.modules.update(torch=None, mmengine=None);'
        f'sys.argv = {["info.py", *args]!r}; runpy.run_path("tools/info.py", run_name="__main__")'
    )
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_info_prints_and_draws_without_torch(tmp_path: Path) -> None:
    picture = tmp_path / 'new' / 's1.png'
    done = info('scalenas_s1', '--layers', '--draw', str(picture))
    assert done.returncode == 0, done.stderr
    assert 'rule pycls' in done.stdout
    assert '285.116' in done.stdout.splitlines()[-2]
    assert 'stage4.2.fuse_layers.3.2.0.0' in done.stdout
    assert picture.stat().st_size > 10_000


def test_info_reads_a_file_at_another_size(tmp_path: Path) -> None:
    path = tmp_path / 'net.yaml'
    path.write_text(dump(named('scalenas_p2')))
    done = info(str(path), '--size', '256', '192', '--head', 'pose:17', '--rule', 'pycls')
    assert done.stdout.splitlines()[-1].split()[:5] == ['total', '111', '165', '35.614', '8.604']


def test_the_unit_of_a_paper_is_named_where_it_is_asked_for() -> None:
    done = info('scalenas_s1', '--rule', 'scalenas')
    assert 'rule scalenas' in done.stdout
    assert 'Gi macs' in done.stdout
    assert '265.535' in done.stdout.splitlines()[-1]


def test_info_takes_each_family_at_its_own_size(tmp_path: Path) -> None:
    picture = tmp_path / 'b0.png'
    done = info('efficientnet_b0', '--layers', '--draw', str(picture))
    assert done.returncode == 0, done.stderr
    assert 'efficientnet_b0 at 224 x 224, head cls:1000, rule pycls' in done.stdout
    assert done.stdout.splitlines()[-2].split()[:4] == ['total', '16', '5.289', '385.815']
    assert picture.stat().st_size > 10_000
    done = info('regnetz_4gf')
    assert 'at 256 x 256, head cls:1000' in done.stdout
    assert done.stdout.splitlines()[-1].split()[:4] == ['total', '28', '28.156', '4.050']


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['efficientnet_b0', '--subnet', 'largest'], '--subnet: efficientnet_b0 '),
        (['scalenas_s5'], "got 'scalenas_s5'"),
        (['none.yaml'], 'none.yaml: no such file'),
        (['scalenas_s1', '--head', 'sge:19'], 'head: expected one of seg:NUMBER'),
        (['scalenas_s1', '--size', '0', '5'], 'got (0, 5)'),
        (['scalenas_s1', '--draw', 'net.jpeg2'], "got '.jpeg2'"),
        (['scalenas_s1', '--batch', '2'], '--batch: expected a whole number >= 1 with --measure'),
    ],
)
def test_info_says_what_is_wrong_in_one_line(args: list, message: str) -> None:
    done = info(*args)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
