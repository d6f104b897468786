"""A table benchmark: what is written is read, a search on it is one without it, the shipped one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scalenas.benchmarks import BenchmarkError, TableBenchmark
from scalenas.search import NSGA2, Objectives
from tests.errors import contains, raises
from tests.search.table import evolution, score, search_in_memory

from .small import COUNT, SPACE, networks, table

OBJECTIVES = Objectives.from_dict(('mIoU', 'macs'))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'small.npz'
    table().write(path)
    return path


def test_what_is_written_is_read(file: Path) -> None:
    read = TableBenchmark.read(file)
    assert read.space == SPACE
    assert len(read) == SPACE.size() == 128
    assert read.about == {'of': 1}
    assert list(read.archs) == networks()
    for arch, record in zip(networks(), read.records, strict=True):
        assert read.evaluate(arch) == score(arch) == record.metrics
        assert read.cost(arch) == COUNT(arch) == record.cost
    with np.load(file, allow_pickle=False) as arrays:  # nothing in it runs code
        assert arrays['genes'].dtype == np.uint8


@pytest.mark.parametrize(
    'algorithm',
    [
        {'type': 'nsga2', 'population': 8, 'num_total': 40},
        {'type': 'random', 'num_total': 30},
        {'type': 'topology_evolution', 'num_initial': 10, 'num_parents': 4, 'num_total': 30},
    ],
)
def test_a_search_on_it_is_the_search_that_evaluates(
    file: Path, algorithm: dict[str, object]
) -> None:
    from scalenas.search import SearchPlan

    found = TableBenchmark.read(file).search(algorithm, seed=3)
    plan = SearchPlan.from_dict(
        {'algorithm': algorithm, 'objectives': (('mIoU', 'max'), ('macs', 'min'))}
    )
    assert found == search_in_memory(plan.build(SPACE, COUNT), seed=3)
    assert found == TableBenchmark.read(file).search(algorithm, seed=3)
    assert [r.arch for r in found] != [r.arch for r in table().search(algorithm, seed=4)]
    assert len({record.arch for record in found}) == algorithm['num_total']


def test_a_search_may_be_made_before(file: Path) -> None:
    read = TableBenchmark.read(file)
    search = NSGA2(read.space, OBJECTIVES, read.cost, population=8, num_total=20)
    assert read.search(search) == read.search({'type': 'nsga2', 'population': 8, 'num_total': 20})


def test_the_front_is_what_nothing_dominates() -> None:
    small = table()
    points = {arch: (-score(arch)['mIoU'], COUNT(arch)['macs']) for arch in small.archs}
    best = {
        points[a]
        for a in points
        if not any(
            q != points[a] and q[0] <= points[a][0] and q[1] <= points[a][1]
            for q in points.values()
        )
    }
    front = [(-r.metrics['mIoU'], r.cost['macs']) for r in small.front()]
    assert set(front) == best
    assert front == sorted(front, key=lambda point: point[1])


def test_a_network_that_is_not_there_is_an_error() -> None:
    archs = networks()
    part = table(archs[:100])
    assert part.evaluate(archs[99]) == score(archs[99])
    for ask in (part.evaluate, part.cost):
        with raises(BenchmarkError, where='arch', got=archs[100].summary, allowed=contains('100')):
            ask(archs[100])
    with raises(BenchmarkError, where='arch'):
        part.search(evolution())  # of another space


def test_an_unknown_metric_is_an_error() -> None:
    with raises(where='search.objectives', got='AP', allowed=contains('mIoU', 'macs')):
        table().search({'type': 'random', 'num_total': 3}, objectives=('AP', 'macs'))


def test_networks_trained_alone(file: Path, tmp_path: Path) -> None:
    rows = tmp_path / 'alone.csv'
    rows.write_text('slot,seed,mIoU\n5,0,1.5\n2,0,3.0\n5,1,2.5\n')
    alone = TableBenchmark.read(file, rows).alone
    assert [one.arch for one in alone] == [networks()[2], networks()[5]]
    assert alone[1].seeds == {0: {'mIoU': 1.5}, 1: {'mIoU': 2.5}}
    assert alone[1].mean('mIoU') == 2.0
    assert TableBenchmark.read(file).alone == ()


@pytest.mark.parametrize(
    'text',
    ['slot,seed,mIoU\n128,0,1\n', 'slot,mIoU\n1,1\n', 'slot,seed,mIoU\n1,0,nan\n', '\0', 'a\n1\n'],
)
def test_a_damaged_list_is_refused(file: Path, tmp_path: Path, text: str) -> None:
    rows = tmp_path / 'alone.csv'
    rows.write_text(text)
    if text == '\0':
        rows.unlink()
    with raises(BenchmarkError, where=rows):
        TableBenchmark.read(file, rows)


def test_a_damaged_table_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for name, content in (('cut', whole[:500]), ('text', b'no table'), ('empty', b'')):
        (tmp_path / name).write_bytes(content)
        with raises(BenchmarkError, where=tmp_path / name):
            TableBenchmark.read(tmp_path / name)
    with raises(BenchmarkError, where=tmp_path / 'none', problem='no such file'):
        TableBenchmark.read(tmp_path / 'none')
    small = table()
    small.costs['macs'] = small.costs['macs'][:-1]
    small.write(file)
    with raises(BenchmarkError, where=file, allowed=contains('one length')):
        TableBenchmark.read(file)
