"""A table benchmark: what is written is read, a search on it is one without it, the shipped one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalenas.arch import Arch
from scalenas.benchmarks import BenchmarkError, TableBenchmark
from scalenas.search import NSGA2, Objectives, RandomSearch, Record
from tests.errors import check_fields, contains, raises
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
        for other in ('scalenas_s1', None, {'type': 'HR'}, ['a'], 3):
            with raises(BenchmarkError, where='arch', got=other):
                ask(other)  # type: ignore[arg-type]
    with raises(BenchmarkError, where='arch'):
        part.search(evolution())  # of another space


@pytest.mark.parametrize(
    ('names', 'missing'), [(('AP', 'macs'), 'AP'), (('mIoU', ('ms', 'min')), 'ms')]
)
def test_what_the_table_has_not_is_an_error(names: tuple[Any, ...], missing: str) -> None:
    small, objectives = table(), Objectives.from_dict(names)
    made = RandomSearch(SPACE, objectives, small.cost, num_total=3)
    for ask in (
        lambda: small.search({'type': 'random', 'num_total': 3}, objectives=names),
        lambda: small.search(made),
        lambda: small.front(names),
    ):
        with raises(BenchmarkError, where='search.objectives', got=missing):
            ask()


def test_an_algorithm_that_was_made_has_its_objectives() -> None:
    small = table()
    made = RandomSearch(SPACE, OBJECTIVES, small.cost, num_total=3)
    with raises(BenchmarkError, where='objectives', got=('mIoU',)):
        small.search(made, objectives=('mIoU',))


class Endless(RandomSearch):
    """Never says that it is done."""

    def generation(self, index: int, records: Sequence[Record], rng: random.Random) -> list[Arch]:
        return [self.space.sample(rng) for _ in range(4)]


def test_an_algorithm_without_end_is_an_error() -> None:
    small = table()
    with raises(BenchmarkError, where='algorithm', got=12, allowed='at most num_total, 10'):
        small.search(Endless(SPACE, OBJECTIVES, small.cost, num_total=10))


def test_networks_trained_alone(file: Path, tmp_path: Path) -> None:
    rows = tmp_path / 'alone.csv'
    rows.write_text('slot,seed,mIoU\n5,0,1.5\n2,0,3.0\n5,1,2.5\n')
    alone = TableBenchmark.read(file, rows).alone
    assert [one.arch for one in alone] == [networks()[2], networks()[5]]
    assert alone[1].seeds == {0: {'mIoU': 1.5}, 1: {'mIoU': 2.5}}
    assert alone[1].mean('mIoU') == 2.0
    with raises(BenchmarkError, where='metric', got='aAcc', allowed=('mIoU',)):
        alone[1].mean('aAcc')
    assert TableBenchmark.read(file).alone == ()


@pytest.mark.parametrize(
    'text',
    [
        'slot,seed,mIoU\n128,0,1\n',
        'slot,seed,mIoU\n-1,0,1\n',
        'slot,mIoU\n1,1\n',
        'slot,seed\n1,1\n',
        'slot,seed,mIoU\n1,0,nan\n',
        'slot,seed,mIoU\n1,0\n',
        'slot,seed,mIoU\n1,0,1,2\n',
        'slot,seed,mIoU\n1,0,1\n2,0,1\n1,0,2\n',
        f'slot,seed,mIoU\n1,0,{"9" * 200_000}\n',
        '\0',
        'a\n1\n',
    ],
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
    with (tmp_path / 'array.npz').open('wb') as array:
        np.save(array, np.ones(3))
    with raises(BenchmarkError, where=tmp_path / 'array.npz'):
        TableBenchmark.read(tmp_path / 'array.npz')


def test_of_a_file_with_a_flipped_bit_nothing_wrong_is_read(file: Path, tmp_path: Path) -> None:
    """Numbers have checksums; an entry that is lost from the list of entries is an error later."""
    whole, draw, damaged = file.read_bytes(), random.Random(0), tmp_path / 'damaged.npz'
    true, refused = table(), 0
    for _ in range(200):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        damaged.write_bytes(content)
        try:
            found = TableBenchmark.read(damaged)
        except BenchmarkError as error:
            check_fields(error, where=contains(damaged))
            refused += 1
            continue
        assert (found.space, found.about) == (true.space, true.about)
        assert (found.genes == true.genes).all()
        for kept, wanted in ((found.metrics, true.metrics), (found.costs, true.costs)):
            assert all((values == wanted[name]).all() for name, values in kept.items())
    assert refused > 130


BROKEN: list[tuple[str, str, Callable[[Any], Any]]] = [
    ('genes', 'genes, row 3, ', lambda a: with_(a, (3, 0), 200)),
    ('genes', 'genes', lambda a: a.astype(float)),
    ('genes', 'genes', lambda a: a[:, 1:]),
    ('genes', 'genes', lambda a: a[0]),
    ('genes', 'genes', lambda a: a[:0]),
    ('genes', 'genes, row 4', lambda a: with_(a, 9, a[4])),
    ('metric.mIoU', 'metric.mIoU', lambda a: a.astype(str)),
    ('metric.mIoU', 'metric.mIoU', lambda a: a[:, None]),
    ('metric.mIoU', 'metric.mIoU', lambda a: a[:-1]),
    ('metric.mIoU', 'metric.mIoU, row 7', lambda a: with_(a, 7, np.nan)),
    ('cost.macs', 'cost.macs, row 7', lambda a: with_(a, 7, -1)),
    ('cost.macs', 'cost.macs', lambda a: a.astype(float)),
    ('cost.macs', 'cost.macs', lambda a: a[:-1]),
    ('cost.macs', 'cost.macs', lambda a: None),
]


def with_(array: Any, place: Any, value: object) -> Any:
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(('name', 'where', 'change'), BROKEN)
def test_what_is_no_table_is_refused_when_it_is_read(
    file: Path, name: str, where: str, change: Callable[[Any], Any]
) -> None:
    with np.load(file) as arrays:
        parts = {key: arrays[key] for key in arrays.files}
    parts[name] = change(parts[name])
    np.savez(file, **{key: value for key, value in parts.items() if value is not None})
    with raises(BenchmarkError, where=lambda found: found.startswith(f'{file}: {where}')):
        TableBenchmark.read(file)


def test_nor_is_one_made() -> None:
    archs, costs = networks()[:2], [COUNT(arch) for arch in networks()[:2]]
    with raises(BenchmarkError, where='archs'):
        TableBenchmark.of(SPACE, [], {'mIoU': []}, [], {})
    for values, where in (([1.0], 'metric.mIoU'), (['a', 'b'], 'metric.mIoU')):
        with raises(BenchmarkError, where=where):
            TableBenchmark.of(SPACE, archs, {'mIoU': values}, costs, {})  # type: ignore[dict-item]
    with raises(BenchmarkError, where='metric'):
        TableBenchmark.of(SPACE, archs, {}, costs, {})
    with raises(BenchmarkError, where='genes, row 0'):
        TableBenchmark.of(SPACE, archs[:1] * 2, {'mIoU': [1.0, 2.0]}, costs, {})
