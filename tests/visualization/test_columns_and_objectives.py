"""What a new column and a new objective take, from the counter to the image: one entry, none."""

from __future__ import annotations

import ast
import csv
import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from scalenas.commands import TOOL, run
from scalenas.complexity import COLUMNS, Budget, Column, Cost, Counter, largest
from scalenas.export import choose
from scalenas.scaling.latency import LatencyModel
from scalenas.search import (
    NSGA2,
    Places,
    ProgressLine,
    SearchStudy,
    TopologyEvolution,
    front_of,
    hypervolume,
    run_search,
)
from scalenas.search.objectives import Objectives
from scalenas.search.report import volume_rows
from scalenas.visualization.figure import canvas
from scalenas.visualization.search_report import SearchReport

from ..search.table import COST, SPACE, score, search_in_memory
from ..search.test_objectives import LINE, THREE, make, plan
from ..search.test_pareto import Points, points_of

FUNCTIONS = 'tests.search.test_objectives.'


@given(points_of(3, 4, most=12))
def test_the_volume_counts_the_dominated_cells(points: Points) -> None:
    dimensions = len(points[0]) if points else 2
    side = 7 if dimensions < 3 else 4
    cells = sum(
        any(all(a <= b for a, b in zip(p, cell, strict=True)) for p in points)
        for cell in itertools.product(range(side), repeat=dimensions)
    )
    assert hypervolume(points, (side,) * dimensions) == pytest.approx(cells)


@given(points_of(2, most=20))
def test_the_area_is_the_volume_of_a_slab(points: Points) -> None:
    """The fast way of two dimensions against the library's way of three."""
    area = hypervolume(points, (7, 7))
    assert hypervolume([(*p, 0) for p in points], (7, 7, 3)) == pytest.approx(3 * area)


@pytest.mark.parametrize('kind', [NSGA2, TopologyEvolution])
@pytest.mark.parametrize('names', [('mIoU',), ('mIoU', 'aAcc'), ('mIoU', 'macs', 'acts')])
def test_a_search_is_better_than_the_sample_that_it_began_with(kind: type, names: Any) -> None:
    objectives = Objectives.from_dict(names)
    volumes = volume_rows(search_in_memory(make(kind, objectives)), objectives)
    assert volumes is not None
    assert volumes[-1]['hypervolume'] > volumes[0]['hypervolume']


def test_the_volume_of_a_front_never_falls_and_says_its_reference() -> None:
    records = search_in_memory(make(NSGA2, THREE))
    rows = volume_rows(records, THREE)
    assert rows is not None
    assert [row['evaluated'] for row in rows] == [10, 20, 30, 40, 50, 60]
    heights = [row['hypervolume'] for row in rows]
    assert heights == sorted(heights)
    assert 0 < heights[0] <= 1
    first = records[:10]
    assert rows[0]['reference macs'] == max(record.cost['macs'] for record in first)
    assert rows[0]['reference mIoU'] == min(record.metrics['mIoU'] for record in first)
    assert volume_rows([], THREE) == []


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / 'latency.yaml'
    lines = {'inference': {'all': LINE}}
    path.write_text(LatencyModel('a device', 1, 1, 'none', lines).dump())  # type: ignore[arg-type]
    return str(path)


def test_functions_of_a_config_are_columns_and_metrics(model: str, tmp_path: Path) -> None:
    asked = plan(
        objectives=(('half', 'max'), ('macs', 'min'), ('ms', 'min'), ('blocks', 'min')),
        columns={'ms': {'type': 'LatencyLine', 'file': model}, 'blocks': f'{FUNCTIONS}blocks'},
        metrics={'half': f'{FUNCTIONS}half'},
        budget={'blocks': (None, 40)},
    )
    search = asked.build(SPACE, COST)
    study = SearchStudy.open(str(tmp_path / 'study.db'), 'a', asked.objectives, {'seed': 0})
    line = ProgressLine(asked.objectives, 24, io.StringIO())
    records = run_search(search, study, asked.scored(score), progress=line)
    assert len(records) == 24
    for record in records:
        assert record.metrics['half'] == record.metrics['mIoU'] / 2
        assert record.cost['blocks'] == record.arch.num_blocks <= 40
        assert record.cost['ms'] == pytest.approx(LINE.ms(record.cost['acts']), rel=1e-3)
    best = asked.objectives.best(records)
    assert f'best half {best.metrics["half"]:.4f} (' in line.line(records)
    assert f'{best.cost["blocks"]:.3f} blocks' in line.line(records)
    again = SearchStudy.read(str(tmp_path / 'study.db'))
    assert again.objectives == asked.objectives
    assert again.records() == records

    SearchReport(Places(str(tmp_path / 'study.db'), 'a', tmp_path, 'none'), asked.objectives)(
        records
    )
    assert {'front.png', 'hypervolume.csv', 'study.json'} <= {p.name for p in tmp_path.iterdir()}
    with (tmp_path / 'all.csv').open() as file:
        assert {'ms', 'blocks', 'half', 'macs'} <= set(next(csv.reader(file)))
    fastest = min(records, key=lambda record: record.cost['ms'])
    assert choose(str(tmp_path), 'ms').cost['ms'] == fastest.cost['ms']  # type: ignore[index]
    assert choose(str(tmp_path)).metrics['half'] == best.metrics['half']
    within = choose(str(tmp_path), budget=Budget(ms=(None, fastest.cost['ms'])))
    assert within.cost is not None
    assert within.cost['ms'] == fastest.cost['ms']


def needs_peak_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one entry: bytes of the largest input and output of a layer, as float32."""

    def bytes_of(layer: Any) -> int:
        (h, w), (height, width) = layer.size, layer.size_out
        return 4 * layer.times * (layer.c_in * h * w + layer.c_out * height * width)

    peak = Column('peak', bytes_of, 'B', 'peak memory', ((2**20, 'Mi'),), combine=largest)
    monkeypatch.setitem(COLUMNS, 'peak', peak)


def test_a_column_is_one_entry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counter, budget, text, objective, study, report, tables, export and command lines know it."""
    needs_peak_memory(monkeypatch)
    counter = Counter((64, 64))
    cost = counter(SPACE.largest())
    plan_of_it = list(SPACE.largest().layers((64, 64)))
    assert cost['peak'] == max(COLUMNS['peak'].of_layer(layer) for layer in plan_of_it)
    assert str(cost).endswith(' Mi B')
    assert Cost.from_dict(dict(cost), 'x') == cost
    assert Budget(peak=(None, cost['peak'] - 1)).violation(cost) > 0

    asked = plan(objectives=('mIoU', 'peak'), budget={'peak': (None, cost['peak'])})
    study = SearchStudy.open(str(tmp_path / 'study.db'), 'a', asked.objectives, {'seed': 0})
    records = run_search(asked.build(SPACE, counter), study, score)
    assert len(records) == 24
    assert SearchStudy.read(str(tmp_path / 'study.db')).records() == records
    SearchReport(Places(str(tmp_path / 'study.db'), 'a', tmp_path, 'none'), asked.objectives)(
        records
    )
    rows = list(csv.DictReader((tmp_path / 'front.csv').open()))
    assert [int(row['peak']) for row in rows] == sorted(int(row['peak']) for row in rows)
    assert choose(str(tmp_path), 'peak').cost['peak'] == int(rows[0]['peak'])  # type: ignore[index]

    assert run('info', ['efficientnet_b0', '--max', 'peak=1e9'], TOOL) == 0
    said = capsys.readouterr().out
    assert 'budget peak <= 1e+09: kept' in said
    assert 'Mi B' in said
    run('scale', ['efficientnet_b0', 'resolution', '--max', f'peak={2**26}'], TOOL)
    assert 'below the bounds: peak ' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('names', 'axes', 'panels'),
    [
        (('mIoU',), ('MACs (M)', 'mIoU'), 1),
        (('macs',), ('parameters (M)', 'MACs (M)'), 1),
        (('mIoU', 'aAcc'), ('mIoU', 'aAcc'), 1),
        (('mIoU', 'macs', 'acts'), ('MACs (M)', 'mIoU'), 3),
        (('mIoU', 'macs', 'acts', 'params', 'aAcc'), ('MACs (M)', 'mIoU'), 10),
    ],
)
def test_other_than_two_objectives_are_drawn_in_pairs(
    names: Any, axes: tuple[str, str], panels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    @contextmanager
    def kept(*arguments: Any) -> Iterator[Any]:
        with canvas(*arguments) as figure:
            yield figure
            drawn.append([p for p in figure.axes if p.axison])

    monkeypatch.setattr('scalenas.visualization.draw_search.canvas', kept)
    objectives = Objectives.from_dict(names)
    records = search_in_memory(make(NSGA2, objectives, num_total=20))
    SearchReport(Places(str(tmp_path / 'none.db'), 'a', tmp_path, 'none'), objectives)._draw(
        records, (), 'a'
    )
    (seen,) = drawn
    assert len(seen) == panels
    assert (seen[0].get_xlabel(), seen[0].get_ylabel()) == axes
    front = [len(c.get_offsets()) for c in seen[0].collections][-1]
    assert front == len({*map(objectives.point, front_of(records, objectives))})


ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    'scalenas/complexity/columns.py',  # the table
    'scalenas/cli.py',  # short forms of options, for the usual three
    'scalenas/scaling/runtime.py',  # the panels of a paper's figure
}


def test_nobody_else_lists_the_columns() -> None:
    """Files that a new column touches: the table, and no other."""
    found = set()
    for path in [*(ROOT / 'scalenas').rglob('*.py'), *(ROOT / 'tools').glob('*.py')]:
        tree = ast.parse(path.read_text(encoding='utf-8'))
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        if {'macs', 'params', 'acts'} <= words:
            found.add(path.relative_to(ROOT).as_posix())
    assert found == ALLOWED
