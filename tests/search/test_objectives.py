"""Objectives of any number: what a config may write, and searches that trade three."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from scalenas.arch import Arch
from scalenas.complexity import Budget, Counter
from scalenas.latency import (
    LatencyError,
    LatencyTable,
    Spread,
    options_of,
    unit_key,
    units_of,
)
from scalenas.scaling import LatencyLine
from scalenas.scaling.latency import LatencyModel
from scalenas.search import (
    NSGA2,
    AlternatingSearch,
    SearchError,
    SearchPlan,
    SearchStudy,
    StudyError,
    TopologyEvolution,
    front_of,
    objectives_of,
    run_search,
)
from scalenas.search.objectives import Objectives
from scalenas.search.pareto import dominates
from scalenas.search.report import volume_rows
from scalenas.search.trials import MOST_PARAMS, Genes
from scalenas.space import HRSpace
from tests.errors import contains, raises

from .scaled import SPACE as SCALED
from .table import COST, OBJECTIVES, SPACE, score, search_in_memory

THREE = Objectives.from_dict((('mIoU', 'max'), ('macs', 'min'), ('params', 'min')))
LINE = LatencyLine(slope=2.0, intercept=3.0, r=0.98, error=0.05, least=1e-6, most=1e6, points=21)


def blocks(arch: Arch, size: tuple[int, int]) -> float:
    """A measured column."""
    return float(arch.num_blocks)


def half(metrics: Mapping[str, float]) -> float:
    """A metric of another."""
    return metrics['mIoU'] / 2


def plan(**changes: Any) -> SearchPlan:
    data = {
        'algorithm': {'type': 'nsga2', 'population': 6, 'num_total': 24},
        'objectives': (('mIoU', 'max'), ('macs', 'min')),
        'size': (64, 64),
        **changes,
    }
    return SearchPlan.from_dict(data)


def test_an_objective_is_a_name_and_a_direction() -> None:
    assert Objectives.from_dict(['mIoU', 'macs']) == OBJECTIVES
    assert Objectives.from_dict((('mIoU', 'max'), ('macs', 'min'))) == OBJECTIVES
    assert [o.is_column for o in Objectives.from_dict(('ms', 'acts'), ['ms'])] == [True, True]
    assert Objectives.from_dict(('ms', 'acts')).names == ('ms', 'acts')
    assert [o.direction for o in Objectives.from_dict(('ms', 'acts'))] == ['max', 'min']
    assert Objectives.from_list(json.loads(json.dumps(THREE.to_list())), 'x') == THREE


@pytest.mark.parametrize(
    ('data', 'where', 'got'),
    [
        ((), '', ()),
        (None, '', None),
        ('mIoU', '', 'mIoU'),
        (('mIoU', 'mIoU'), '[1]', 'mIoU'),
        (('mIoU', ('mIoU', 'min')), '[1]', 'mIoU'),
        ((('mIoU', 'up'),), '[0][1]', 'up'),
        ((('mIoU', None),), '[0][1]', None),
        ((('mIoU',),), '[0]', ('mIoU',)),
        (('mIoU', 3), '[1]', 3),
        (('mIoU', ''), '[1]', ''),
    ],
)
def test_what_is_no_objective_dies(data: object, where: str, got: object) -> None:
    with raises(where=f'search.objectives{where}', got=got):
        Objectives.from_dict(data)


@pytest.mark.parametrize('key', ['metric', 'direction', 'cost'])
def test_a_config_of_before_gets_one_clear_line(key: str) -> None:
    with raises(where=f'search.{key}', hint=contains("objectives=(('mIoU', 'max'), ")):
        plan(**{key: 'mIoU'})
    with raises(where=f'search.{key}'):
        objectives_of({key: 'x'})
    assert objectives_of({}) is None


def make(kind: type, objectives: Objectives, **changes: Any) -> Any:
    numbers = {
        NSGA2: {'population': 10, 'num_total': 60},
        TopologyEvolution: {'num_initial': 20, 'num_parents': 10, 'num_total': 60},
    }
    return kind(SPACE, objectives, COST, **{**numbers[kind], **changes})


@pytest.mark.parametrize('kind', [NSGA2, TopologyEvolution])
@pytest.mark.parametrize('names', [('mIoU',), ('macs',), ('mIoU', 'aAcc'), THREE])
def test_a_search_trades_any_number(kind: type, names: Any) -> None:
    objectives = names if isinstance(names, Objectives) else Objectives.from_dict(names)
    records = search_in_memory(make(kind, objectives))
    assert len(records) == 60
    best = front_of(records, objectives)
    points = objectives.points(records)
    assert not any(dominates(p, objectives.point(record)) for p in points for record in best)
    if objectives is THREE:
        pair = front_of(records, OBJECTIVES)
        assert {objectives.point(r) for r in pair} <= {objectives.point(r) for r in best}


def test_without_the_library_there_is_no_volume(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'moocore', None)
    records = search_in_memory(make(NSGA2, THREE))
    assert volume_rows(records, THREE) is None
    assert 'moocore' in caplog.text
    assert volume_rows(records, OBJECTIVES)


def test_mcea_takes_one_metric() -> None:
    for names in (('macs',), ('accuracy', 'loss', 'macs')):
        with raises(SearchError, where='search.objectives', got=names):
            AlternatingSearch(SCALED, Objectives.from_dict(names), Counter(), base_macs=2e5)


def test_objectives_and_budgets_are_on_what_a_network_has() -> None:
    with raises(SearchError, where='search.objectives', got='ms'):
        make(NSGA2, Objectives.from_dict(('mIoU', 'ms'), ['ms']))
    with raises(where='budget', got='ms'):
        make(NSGA2, OBJECTIVES, budget=Budget(ms=(None, 3)))
    with raises(where='search.budget', got='ms'):
        plan(budget={'ms': (None, 3)})
    with raises(where='budget', got='ms'):
        plan().with_(budget=Budget(ms=(None, 3)))


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / 'latency.yaml'
    lines = {'inference': {'all': LINE}}
    path.write_text(LatencyModel('a device', 1, 1, 'none', lines).dump())  # type: ignore[arg-type]
    return str(path)


@pytest.mark.parametrize(
    ('key', 'value', 'where'),
    [
        ('columns', {'macs': 'math.hypot'}, 'search.columns.macs'),
        ('columns', {'ms': 'nowhere.ms'}, 'search.columns.ms'),
        ('columns', {'ms': 'math.nothing'}, 'search.columns.ms'),
        ('columns', {'ms': 'ms'}, 'search.columns.ms'),
        ('columns', {'ms': 3}, 'search.columns.ms'),
        ('columns', {'ms': 'math.pi'}, 'search.columns.ms'),
        ('columns', {'ms': {'type': 'LatencyLine'}}, 'search.columns.ms'),
        ('columns', {'ms': {'type': 'LatencyLine', 'file': 'none.yaml'}}, 'none.yaml'),
        ('columns', {'ms': {'type': 'LatencyTable'}}, 'search.columns.ms'),
        ('columns', {'ms': {'type': 'LatencyTable', 'file': 'none.json'}}, 'none.json'),
        ('columns', {'ms': {'type': 'Latency'}}, 'search.columns.ms.type'),
        ('columns', ['ms'], 'search.columns'),
        ('metrics', {'x': 'nowhere.x'}, 'search.metrics.x'),
        ('metrics', 'x', 'search.metrics'),
    ],
)
def test_what_is_no_function_dies(key: str, value: object, where: str) -> None:
    with raises(where=where):
        plan(**{key: value})


def test_what_a_function_gives_is_looked_at() -> None:
    taken = plan(metrics={'mIoU': f'{__name__}.half'})
    with raises(where='search.metrics.mIoU'):
        taken.scored(score)(SPACE.smallest())
    broken = plan(columns={'ms': lambda *_: float('nan')})
    with raises(where='column ms'):
        broken.build(SPACE, COST)


def test_networks_beyond_a_line_are_told(model: str, caplog: pytest.LogCaptureFixture) -> None:
    narrow = LatencyModel('a device', 1, 1, 'none', {'inference': {'all': LINE}})
    columns = {'ms': {'type': 'LatencyLine', 'file': model}}
    plan(columns=columns).build(SPACE, COST)
    assert not caplog.messages
    short = LatencyLine(**{**{n: getattr(LINE, n) for n in LINE.__slots__}, 'least': 5.0})
    Path(model).write_text(
        LatencyModel(narrow.device, 1, 1, 'none', {'inference': {'all': short}}).dump()
    )
    plan(columns=columns).build(SPACE, COST)
    assert 'beyond what was measured' in caplog.text


@pytest.mark.filterwarnings('ignore::UserWarning')  # few trials for importances
@pytest.mark.longer
def test_optuna_knows_names_genes_and_costs(tmp_path: Path) -> None:
    where = tmp_path / 'study.db'
    study = SearchStudy.open(str(where), 'a', THREE, {'space': SPACE.to_dict()})
    records = run_search(make(NSGA2, THREE, num_total=20), study, score)
    seen = optuna.load_study(study_name='a', storage=f'sqlite:///{where}')
    assert seen.metric_names == ['mIoU', 'macs', 'params']
    assert [d.name for d in seen.directions] == ['MAXIMIZE', 'MINIMIZE', 'MINIMIZE']
    for trial, record in zip(seen.trials, records, strict=True):
        assert tuple(trial.values) == THREE.values(record.cost, record.metrics)
        assert trial.params == SPACE.encode(record.arch)
        assert {k: v for k, v in trial.user_attrs.items() if k.startswith('cost:')} == {
            f'cost:{name}': value for name, value in record.cost.items()
        }
    assert set(optuna.importance.get_param_importances(seen, target=lambda t: t.values[0]))


def test_genes_that_no_plot_shows_are_left_out() -> None:
    space = HRSpace(width=32)
    genes = Genes(space)
    params = genes.of(space.sample(random.Random(0)))
    assert 0 < len(params) <= MOST_PARAMS < len(space.genes)
    assert all(name.endswith('.depth') for name in params)
    assert Genes(SPACE).of(SPACE.largest()) == SPACE.encode(SPACE.largest())


def test_parameters_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'study.journal'
    study = SearchStudy.open(str(path), 'a', OBJECTIVES, {'space': SPACE.to_dict()})
    run_search(make(NSGA2, OBJECTIVES, num_total=12), study, score)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    params = [line for line in lines if line['op_code'] == 4][3]['params']
    name = next(name for name, place in params.items() if place in (0, 1))
    params[name] = 1 - params[name]
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    with raises(where=contains('trial 3'), problem=contains('genes')):
        SearchStudy.read(str(path)).records()


def test_an_objective_is_no_code() -> None:
    assert plan(objectives=(('mIoU', 'max'), ('macs', 'min'), ('acts', 'min'))).build(SPACE, COST)


def table_of(share: float = 1.0) -> LatencyTable:
    """Milliseconds of the units of the space, at 64x64."""
    archs = [SPACE.largest(), *(SPACE.sample(random.Random(n)) for n in range(60))]
    units = {unit_key(u): u for arch in archs for _, u in units_of(arch, (64, 64))}
    times = {key: share * len(unit.layers()) for key, unit in units.items()}
    spreads = {key: Spread(ms, ms, ms) for key, ms in times.items()}
    return LatencyTable({'runtime': 'none'}, 'hrnet', options_of(archs[0]), spreads)


def test_a_table_of_units_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / 'table.json'
    table_of().write(path)
    asked = plan(
        columns={'ms': {'type': 'LatencyTable', 'file': str(path)}},
        objectives=(('mIoU', 'max'), ('ms', 'min')),
        budget={'ms': (None, 60.0)},
    )
    search = asked.build(SPACE, COST)
    records = search_in_memory(search)
    for record in records:
        expected = sum(len(unit.layers()) for _, unit in record.arch.units((64, 64)))
        assert record.cost['ms'] == pytest.approx(expected)
        assert record.cost['ms'] <= 60.0
    assert len(front_of(records, asked.objectives)) > 1
    # Networks of other sizes were not measured, which is said before anything is evaluated.
    other = plan(columns={'ms': {'type': 'LatencyTable', 'file': str(path)}}, size=(96, 96))
    with raises(LatencyError, where='latency table', problem=contains('96x96')):
        other.build(SPACE, COST)


@pytest.mark.parametrize('kind', ['LatencyLine', 'LatencyTable'])
def test_a_device_that_is_measured_anew_is_another_column(
    kind: str, tmp_path: Path, model: str
) -> None:
    """Under the same name of a file, too: a study has the numbers of one measurement."""
    files = {'LatencyLine': Path(model), 'LatencyTable': tmp_path / 'table.json'}
    table_of().write(files['LatencyTable'])
    path, checkpoint = files[kind], tmp_path / 'x.pth'
    checkpoint.write_bytes(b'x')
    column = {'ms': {'type': kind, 'file': str(path)}}
    cfg = {'search': {'columns': column}}

    def settings() -> dict[str, Any]:
        asked = plan(columns=column)
        return asked.settings(asked.build(SPACE, COST), checkpoint, cfg)

    first = settings()
    assert settings() == first
    assert json.loads(json.dumps(first)) == first, 'a study keeps it as JSON'
    where = str(tmp_path / 'study.db')
    SearchStudy.open(where, 'a', OBJECTIVES, first)
    study = SearchStudy.open(where, 'a', OBJECTIVES, settings())
    run_search(make(NSGA2, OBJECTIVES, population=6, num_total=6), study, score)
    if kind == 'LatencyTable':
        table_of(1.01).write(path)
    else:
        path.write_text(path.read_text().replace('slope: 2.0', 'slope: 2.1'))
    assert settings() != first
    with raises(StudyError, problem=contains('another columns.ms.from'), hint=contains('study')):
        SearchStudy.open(where, 'a', OBJECTIVES, settings())
