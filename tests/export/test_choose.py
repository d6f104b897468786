"""Which network of a search is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from scalenas.arch import ArchError, named
from scalenas.complexity import Budget, Cost
from scalenas.errors import ExportError
from scalenas.export import choose, export_subnet
from scalenas.paths import file_digest
from scalenas.search.objectives import Objectives
from scalenas.search.record import Record
from scalenas.search.report import write_report
from tests.errors import contains, raises
from tests.evaluation.world import archs, checkpoint, supernet


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """Three networks: the dearer the better, and the cheapest has the fewest parameters."""
    records = [
        Record(
            slot=10 * n,
            arch=arch,
            cost=Cost(macs=10**6 * (n + 1), params=1000 * (n + 1), acts=10),
            metrics={'mIoU': 50.0 + n, 'error': 3.0 - n},
            generation=0,
        )
        for n, arch in enumerate(archs(3))
    ]
    write_report(records, Objectives.from_dict(('mIoU', 'macs', ('error', 'min'))), tmp_path)
    return tmp_path


def test_by_position_by_budget_and_by_metric(work_dir: Path) -> None:
    where, archs_ = str(work_dir), archs(3)
    assert choose(where, 'mIoU').arch == archs_[2]
    assert choose(where, 'mIoU', index=0).arch == archs_[0]
    assert choose(where, 'mIoU', budget=Budget(macs=(None, 2.5e6))).arch == archs_[1]
    assert choose(where, 'mIoU', budget=Budget(params=(None, 1000))).slot == 0
    assert choose(where).slot == choose(where, 'error').slot == 20
    assert choose(where, 'macs').slot == 0
    assert choose(where, 'mIoU').name == 'subnet_0020'
    assert choose(where, 'mIoU').metrics == {'mIoU': 52.0, 'error': 1.0}


def test_a_front_belongs_to_the_checkpoint_that_was_searched(
    work_dir: Path, cfg: Config, root: Path
) -> None:
    """Another checkpoint of the same space would be exported under the searched one's numbers."""
    record = Record(0, archs(1)[0], Cost(macs=1, params=1, acts=1), {'mIoU': 50.0}, 0)
    digest = file_digest(root / 'supernet.pth')
    times = {0: {'ms_measured': 3.5, 'ms_lower': 3.0, 'ms_upper': 4.0}}
    write_report([record], Objectives.from_dict(('mIoU', 'macs')), work_dir, digest, measured=times)
    card = json.loads((work_dir / 'study.json').read_text())
    assert card['objectives'] == Objectives.from_dict(('mIoU', 'macs')).to_list()
    choice = choose(str(work_dir), 'mIoU')
    choice.check_checkpoint(root / 'supernet.pth')
    other = checkpoint(work_dir / 'other.pth', supernet(seed=1))
    for force in (False, True):
        options = {'name': 'x', 'force': force}
        if force:
            assert export_subnet(choice, cfg, other, work_dir / 'out', **options).files
            written = json.loads((work_dir / 'out/x.json').read_text())
            assert written['latency'] == choice.measured == times[0], 'what the search has timed'
            continue
        sums = {'got': f'sha256 {file_digest(other)[:16]}', 'allowed': f'sha256 {digest[:16]}'}
        with raises(ExportError, where=other, hint=contains('--force'), **sums):
            export_subnet(choice, cfg, other, work_dir / 'out', **options)
        assert not (work_dir / 'out').exists()
    (work_dir / 'study.json').write_text('[]')
    with raises(ExportError, where=work_dir / 'study.json'):
        choose(str(work_dir), 'mIoU')


def test_a_front_is_chosen_from_by_what_it_was_made_for(work_dir: Path) -> None:
    """Of the front of an error that was to be small, the largest would be the worst net."""
    record = Record(0, archs(1)[0], Cost(macs=1, params=1, acts=1), {'mIoU': 50.0, 'error': 1.0}, 0)
    write_report([record], Objectives.from_dict((('error', 'min'), 'macs')), work_dir, 'f00')
    with raises(where=work_dir / 'study.json', got='mIoU', allowed=('error', 'macs')):
        choose(str(work_dir), 'mIoU')
    for other in ((('error', 'max'), 'macs'), ('mIoU', 'macs'), (('error', 'min'),)):
        with raises(where=work_dir / 'study.json', names=('error (min), macs (min)',)):
            choose(str(work_dir), objectives=Objectives.from_dict(other).to_list())
    same = Objectives.from_dict((('error', 'min'), 'macs')).to_list()
    assert choose(str(work_dir), objectives=same).slot == 0
    assert choose(str(work_dir), 'mIoU', index=0).slot == 0


@pytest.mark.parametrize('form', ['{}', '{}/study.db', 'sqlite:///{}/study.db', '{}/front.json'])
def test_a_search_is_found_by_any_of_its_names(work_dir: Path, form: str) -> None:
    assert choose(form.format(work_dir), 'mIoU').slot == 20


def test_an_arch_is_found_by_name_or_file(work_dir: Path) -> None:
    assert choose('scalenas_s1').arch == named('scalenas_s1')
    assert choose(str(work_dir / 'archs/0010.yaml')).name == '0010'


@pytest.mark.parametrize(
    ('options', 'fields'),
    [
        (
            {'budget': Budget(macs=(None, 5))},
            {'got': Budget(macs=(None, 5)), 'problem': contains('slot 0', '1.000 M macs')},
        ),
        ({'index': 3}, {'where': contains('--index'), 'got': 3, 'allowed': '0 ... 2'}),
        (
            {'index': 2, 'budget': Budget(macs=(None, 2.5e6))},
            {'where': contains('--index'), 'got': 2, 'allowed': contains('macs <= 2.5e+06')},
        ),
        ({'index': -1}, {'where': contains('--index'), 'got': -1, 'allowed': '0 ... 2'}),
        ({'metric': 'AP'}, {'got': 'AP', 'allowed': ('mIoU', 'macs', 'error')}),
    ],
)
def test_a_wrong_choice_is_one_line(
    work_dir: Path, options: dict[str, Any], fields: dict[str, Any]
) -> None:
    with raises(ExportError, **fields):
        choose(str(work_dir), **{'metric': 'mIoU', **options})


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        ('[]', 'empty'),
        ('{', 'not the front of a search'),
        ('[{"slot": 1}]', 'not the front of a search'),
        ('[1]', 'not the front of a search'),
        ('[{"slot": 1, "arch": "a.yaml", "cost": {"gmacs": 2}, "metrics": {}}]', 'not the front'),
        ('[{"slot": 1, "arch": "a.yaml", "cost": {"macs": 2}, "metrics": [1]}]', 'not the front'),
    ],
)
def test_a_broken_front_is_one_line(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / 'front.json').write_text(content)
    with raises(ExportError, where=tmp_path / 'front.json', problem=contains(problem)):
        choose(str(tmp_path))


def test_nothing_there(tmp_path: Path) -> None:
    for where in (str(tmp_path), str(tmp_path / 'nowhere'), 'postgresql://host/db'):
        with raises(ExportError, where=where, names=('front.json',)):
            choose(where)
    with raises(ExportError, where='scalenas_s1', hint=contains('--index')):
        choose('scalenas_s1', index=1)
    with raises(ArchError, where=tmp_path / 'a.yaml'):
        choose(str(tmp_path / 'a.yaml'))


def test_without_a_card_it_is_a_metric_that_is_to_be_large(work_dir: Path) -> None:
    (work_dir / 'study.json').unlink()
    assert choose(str(work_dir), 'mIoU').slot == 20
    assert choose(str(work_dir), 'error').slot == 0
    with raises(where=work_dir / 'front.json', hint='name a metric'):
        choose(str(work_dir))
    with raises(got='AP', allowed=contains('mIoU', 'macs')):
        choose(str(work_dir), 'AP')


def test_a_budget_is_on_columns_that_the_search_has(work_dir: Path) -> None:
    with raises(where='budget', got='ms', allowed=('macs', 'params', 'acts')):
        choose(str(work_dir), budget=Budget(ms=(None, 12)))
