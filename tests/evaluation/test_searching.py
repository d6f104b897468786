"""A search in one call, as a notebook and tools/search.py make it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

import scalenas.search
from scalenas.deploy import RuntimeStopwatch, measured_table
from scalenas.errors import UserError
from scalenas.latency import Cache
from scalenas.models import ScaleHRNet
from scalenas.search import SearchError, read, run
from scalenas.searching import Result
from tests.deploy.lab import install, weights
from tests.errors import raises

from ..test_search_scalars import Noted
from .world import SPACE, archs


@pytest.fixture
def searched(cfg: Config, root: Path, tmp_path: Path) -> Callable[..., Result]:
    """Random search of the small supernet, of four networks unless told otherwise."""

    def search(num: int = 4, **options: object) -> Result:
        wanted = {'algorithm': 'random', 'num_evaluations': num, 'progress': False, **options}
        return run(cfg, root / 'supernet.pth', work_dir=tmp_path / 'work', **wanted)

    return search


def test_more_is_asked_of_the_same_study(searched: Callable[..., Result], cfg: Config) -> None:
    first, more = searched(2), searched(4)
    assert [len(first), len(more)] == [2, 4]
    assert list(more.records[:2]) == list(first.records)
    again = read(cfg, work_dir=more.folder.parent, algorithm='random')
    assert again == more
    assert again.front == more.front
    assert more.figure.read_bytes()[:4] == b'\x89PNG'
    assert (more.folder / 'front.json').is_file()


def test_scalars_go_to_the_backends_of_the_config(
    searched: Callable[..., Result], cfg: Config
) -> None:
    Noted.made = []
    cfg.visualizer = {'vis_backends': [{'type': 'LocalVisBackend'}, {'type': Noted}]}
    result = searched(2)
    (backend,) = Noted.made
    ((step, scalars),) = backend.steps
    assert (step, scalars['search/front']) == (2, len(result.front))
    assert scalars['search/best mIoU'] == result.best().metrics['mIoU']
    assert backend.closed


def test_a_result_answers(searched: Callable[..., Result]) -> None:
    result = searched()
    records = list(result.records)
    assert result.best() == max(records, key=lambda r: r.metrics['mIoU'])
    macs = sorted(r.cost['macs'] for r in records)
    within = result.best({'macs': (None, macs[1])})
    assert within == max(
        (r for r in records if r.cost['macs'] <= macs[1]), key=lambda r: r.metrics['mIoU']
    )
    with raises(SearchError, where='budget', names=(min(records, key=_macs).slot,)):
        result.best({'macs': (None, 1)})
    with raises(UserError, where='budget', got='mac'):
        result.best({'mac': (None, 1)})

    frame = result.frame()
    assert list(frame.index) == [0, 1, 2, 3]
    assert list(frame['macs']) == [r.cost['macs'] for r in records]
    assert list(frame['mIoU']) == [r.metrics['mIoU'] for r in records]
    assert list(frame.index[frame['front']]) == sorted(r.slot for r in result.front)
    assert list(frame['arch']) == [r.arch for r in records]

    assert len(repr(result)) < 300
    html = result._repr_html_()
    assert html.count('<tr>') == 1 + len(result.front)
    assert 'data:image/png;base64,' in html
    assert '<Result' not in html


def test_given_networks_are_evaluated_and_no_others(searched: Callable[..., Result]) -> None:
    chosen = archs(3)
    result = searched(study_name='given', archs=lambda space: [*chosen, space.smallest()])
    assert [record.arch for record in result.records] == chosen
    assert len(searched(study_name='given', archs=lambda space: chosen)) == 3


def test_options_are_for_the_path_of_a_config(searched: Callable[..., Result]) -> None:
    with raises(UserError, where='cfg_options'):
        searched(cfg_options={'search.seed': 1})


def test_the_page_is_right(root: Path, cfg: Config, tmp_path: Path, monkeypatch: Any) -> None:
    """The block of docs/search.md, with this config and few networks."""
    page = (Path(__file__).parents[2] / 'docs/search.md').read_text(encoding='utf-8')
    (block,) = re.findall(r'```py\n(.*?)```', page, re.S)
    shrunk = partial(run, algorithm='random', num_evaluations=2, work_dir=tmp_path)
    monkeypatch.setattr(scalenas.search, 'run', shrunk, raising=False)
    block, count = re.subn(r"run\('configs/[^']+', '[^']+'\)", 'run(config, checkpoint)', block)
    assert count == 1
    block, count = re.subn(r'120e6', '120e9', block)
    assert count == 1
    names = {'config': cfg, 'checkpoint': root / 'supernet.pth'}
    exec(block, names)
    assert len(names['result']) == 2


def test_its_public_place() -> None:
    assert scalenas.search.Result is Result
    with pytest.raises(AttributeError):
        scalenas.search.nothing  # noqa: B018


def _macs(record: scalenas.search.Record) -> int:
    return record.cost['macs']


def test_winners_are_timed_whole_on_the_device_of_their_table(
    cfg: Config,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lab = install(monkeypatch)
    # A whole network takes a tenth more than its units, which no correction is asked about here.
    lab.seconds = lambda net: 1e-6 * weights(net) * (1.1 if isinstance(net, ScaleHRNet) else 1.0)
    size = cfg.search['size']
    stopwatch, cache = RuntimeStopwatch('lab'), Cache(tmp_path / 'cache')
    table = measured_table(SPACE, size, stopwatch, cache, 4, whole=0)
    path = tmp_path / 'table.json'
    table.write(path)
    cfg.search['columns'] = {'ms': {'type': 'LatencyTable', 'file': str(path)}}
    cfg.search['objectives'] = (('mIoU', 'max'), ('ms', 'min'))

    def front(call: Callable[..., Result] = run, **options: object) -> dict[int, dict[str, str]]:
        given = (root / 'supernet.pth',) if call is run else ()
        result = call(cfg, *given, work_dir=tmp_path / 'work', algorithm='random', **options)
        with (result.folder / 'front.csv').open() as file:
            rows = {int(row['slot']): row for row in csv.DictReader(file)}
        assert {record.slot for record in result.front} == set(rows)
        entries = json.loads((result.folder / 'front.json').read_text())
        for entry in entries:
            assert entry.get('measured', {}) == {
                key: float(rows[entry['slot']][key])
                for key in ('ms_measured', 'ms_lower', 'ms_upper')
                if rows[entry['slot']].get(key)
            }
        return rows

    rows = front(num_evaluations=4, progress=False)
    for row in rows.values():
        assert float(row['ms_measured']) == pytest.approx(1.1 * float(row['ms']), rel=1e-4)
        assert float(row['ms_lower']) <= float(row['ms_measured']) <= float(row['ms_upper'])
    runs = len(lab.runs)
    assert front(num_evaluations=4, progress=False) == front(read) == rows
    assert len(lab.runs) == runs, 'what is known is not measured again'
    assert 'not measured' not in caplog.text

    # Elsewhere it stays an estimate, which is said.
    monkeypatch.setattr('scalenas.deploy.stopwatch.device_name', lambda device: 'another machine')
    (row, *_) = front(num_evaluations=4, progress=False).values()
    assert 'ms_measured' not in row
    assert 'is an estimate and not measured: latency table: ' in caplog.text


def test_a_metric_that_nobody_gives_is_refused_before_anything_is_made(
    cfg: Config, root: Path, tmp_path: Path
) -> None:
    cfg.search.objectives = (('MIoU', 'max'), ('macs', 'min'))
    with raises(SearchError, where='search.objectives', got='MIoU', hint="did you mean 'mIoU'?"):
        run(cfg, root / 'supernet.pth', work_dir=tmp_path / 'work')
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize('value', [3, [1]])
def test_networks_are_given_by_a_function(value: Any, searched: Callable[..., Result]) -> None:
    with raises(SearchError, where='archs', got=value):
        searched(archs=value)


def test_a_function_that_gives_no_network_is_refused(searched: Callable[..., Result]) -> None:
    with raises(SearchError, where='archs'):
        searched(archs=lambda space: [])


def test_a_changed_metric_is_not_mixed_with_the_former(
    searched: Callable[..., Result], cfg: Config
) -> None:
    cfg.search.metrics = {'half': lambda metrics: metrics['mIoU'] / 2}
    searched(2)
    cfg.search.metrics = {'half': lambda metrics: metrics['mIoU'] / 3}
    with raises(SearchError, where='search.metrics.half'):
        searched(4)
