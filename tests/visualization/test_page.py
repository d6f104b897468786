"""The page about studies: its data are those of the studies, and nothing of them is markup."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from scalenas.complexity import Counter
from scalenas.search import NSGA2, Objectives, RandomSearch, Record, SearchError, front_of
from scalenas.search.report import volume_curve, volume_rows
from scalenas.space import MBConvSpace, named
from scalenas.visualization import page as page_module
from scalenas.visualization import page_data
from scalenas.visualization.page import MARK, check_target, page_text, watch, write_page
from scalenas.visualization.page_data import PageData, small_svg
from scalenas.visualization.page_genes import GeneTable, bounds_of
from scalenas.visualization.page_sources import references_of, studies_at
from tests.errors import contains, raises

from ..search.table import COST, OBJECTIVES, SPACE, evolution, random_search, search_in_memory
from .pages import data_of, searched

pytest.importorskip('plotly')


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work dir with an evolution and, in its storage, its random control."""
    from scalenas.search import write_report

    folder = tmp_path_factory.mktemp('work')
    study = searched(folder / 'study.journal', 'net_topology_evolution', evolution(num_total=12))
    searched(folder / 'study.journal', 'net_random', random_search(num_total=10))
    write_report(study.records(), OBJECTIVES, folder, 'f00', study.name)
    return folder


@pytest.fixture(scope='module')
def page(work_dir: Path) -> Path:
    """The page of that work dir."""
    path = work_dir / 'report.html'
    studies = studies_at([str(work_dir)])
    write_page(studies, path, ['teacher:mIoU=40,macs=9e6', 'stock:macs=8e6'])
    return path


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are made at once."""
    monkeypatch.setattr(page_data, '_drawing', lambda record: {'svg': '<svg/>'})


def test_a_work_dir_means_its_study_and_the_random_control(work_dir: Path) -> None:
    names = [study.name for study in studies_at([str(work_dir)])]
    assert names == ['net_topology_evolution', 'net_random']
    storage = str(work_dir / 'study.journal')
    assert [s.name for s in studies_at([storage], ['net_random'])] == ['net_random']
    with raises(where=f'storage {storage}', allowed=('net_topology_evolution', 'net_random')):
        studies_at([storage])
    with raises(SearchError, where='--study-name', got='nobody', allowed=contains('net_random')):
        studies_at([storage], ['net_random', 'nobody'])
    with raises(SearchError, where=work_dir.parent / 'nothing'):
        (work_dir.parent / 'nothing').mkdir()
        studies_at([str(work_dir.parent / 'nothing')])


def test_a_folder_of_init_means_its_last_search(tmp_path: Path, work_dir: Path) -> None:
    for number, name in enumerate(('search_1', 'search_2')):
        folder = tmp_path / 'nas/work_dirs' / name
        shutil.copytree(work_dir, folder)
        os.utime(folder, (number, number))
    (tmp_path / 'nas/work_dirs/search_1/study.journal').write_bytes(b'torn')
    os.utime(tmp_path / 'nas/work_dirs/search_1', (0, 0))
    own = [study.name for study in studies_at([str(work_dir)])]
    assert [study.name for study in studies_at([str(tmp_path / 'nas')])] == own


def test_the_page_has_every_record(work_dir: Path, page: Path) -> None:
    data = data_of(page)
    names = [axis['name'] for axis in data['axes']]
    for study, shown in zip(studies_at([str(work_dir)]), data['studies'], strict=True):
        records = study.records()
        best = {record.slot for record in front_of(records, OBJECTIVES)}
        assert [row[1] for row in shown['rows']] == [record.slot for record in records]
        assert {row[1] for row in shown['rows'] if row[0]} == best
        for row, record in zip(shown['rows'], records, strict=True):
            values = dict(zip(names, row[5:], strict=True))
            assert values == {**record.cost, **record.metrics}
            modules = record.arch.modules  # type: ignore[attr-defined]
            assert row[4] == sum(module.num_fusions for module in modules)
        assert shown['settings']['space'] == SPACE.to_dict()
        assert shown['apart'] == ''
    teacher, stock, smallest, largest = data['references']
    assert teacher['values'] == {'mIoU': 40, 'macs': 9e6}
    assert stock['values'] == {'macs': 8e6}
    assert smallest['values']['macs'] == COST(SPACE.smallest())['macs']
    assert largest['values']['params'] == COST(SPACE.largest())['params']


def test_letters_of_a_network_are_its_genes(work_dir: Path, page: Path) -> None:
    (study, *_), (shown, *_) = studies_at([str(work_dir)]), data_of(page)['studies']
    for record in study.records():
        genes = {
            name: values[ord(letter) - 0x30]
            for (name, _, _, values), letter in zip(
                shown['genes'], shown['letters'][str(record.slot)], strict=True
            )
            if letter != '.'
        }
        assert SPACE.decode(genes) == record.arch


def test_means_of_genes_are_those_of_the_networks(page: Path, work_dir: Path) -> None:
    study = studies_at([str(work_dir)])[0]
    depth, fusion = data_of(page)['studies'][0]['matrices']
    assert (depth['role'], fusion['role'], fusion['share']) == ('depth', 'fusion', True)
    assert depth['rows'] == ['s2.m0', 's3.m0', 's4.m0']
    assert depth['columns'] == ['b0', 'b1', 'b2', 'b3']
    assert data_of(page)['studies'][0]['strides'] == [4, 8, 16, 32]
    modules: Any = [r.arch.modules[2] for r in front_of(study.records(), OBJECTIVES)]  # type: ignore[attr-defined]
    mean = sum(module.depths[1] for module in modules) / len(modules)
    assert depth['front'][2][1] == pytest.approx(mean)
    assert depth['front'][0][3] is None
    open_ = sum(len(rows[2]) for module in modules for rows in module.fusions)
    possible = sum(3 * module.depths[2] for module in modules)
    assert fusion['front'][2][2] == pytest.approx(open_ / possible)


def test_shared_choices_are_counted() -> None:
    table = GeneTable.of(SPACE)
    base, other = SPACE.encode(SPACE.smallest()), SPACE.encode(SPACE.largest())
    shared = {
        row[0]: row[1:] for row in table.shared([base] * 3 + [other], [base] * 3 + [other] * 5)
    }
    assert shared['s2.m0.b0.depth'] == [1, 0.75, 0.375]
    assert table.shared([base], [base]) == []


def test_families_bring_their_own_genes_and_drawing(tmp_path: Path) -> None:
    space = named('scalenet_base')
    assert isinstance(space, MBConvSpace)
    search = RandomSearch(space, Objectives.from_dict(('params', 'macs')), Counter(), num_total=3)
    study = searched(tmp_path / 'a.journal', 'mb', search, lambda arch: {}, size=None)
    data = PageData([study])()
    (shown,) = data['studies']
    assert [table['role'] for table in shown['matrices']] == ['kernel', 'depth', 'expand']
    assert {net['slot'] for net in shown['winners']} == {int(slot) for slot in shown['drawings']}
    assert all('e6' in net['svg'] for net in shown['drawings'].values())
    assert len(PageData([study], draw_all=True)()['studies'][0]['drawings']) == 3
    assert {row[4] for row in shown['rows']} == {0}
    assert data['objectives'][0]['name'] == 'params'


def test_costs_of_both_ends_are_given_only_when_they_are_certain() -> None:
    records = search_in_memory(random_search(num_total=8))
    head = [Record(r.slot, r.arch, r.cost + COST(SPACE.smallest()), r.metrics, 0) for r in records]
    ends = bounds_of(SPACE, (64, 64), head)
    assert ends['smallest']['macs'] == 2 * COST(SPACE.smallest())['macs']
    mixed = [*head[:1], *records[1:]]
    assert bounds_of(SPACE, (64, 64), mixed) == {'smallest': {}, 'largest': {}}
    assert bounds_of(SPACE, None, records) == {'smallest': {}, 'largest': {}}


def test_the_curve_of_the_volume_ends_where_the_table_does() -> None:
    records = search_in_memory(evolution())
    curve, rows = volume_curve(records, OBJECTIVES, most=40), volume_rows(records, OBJECTIVES)
    assert curve is not None
    assert rows is not None
    by_number = dict(curve)
    assert [by_number[row['evaluated']] for row in rows] == pytest.approx(
        [row['hypervolume'] for row in rows]
    )
    assert len(volume_curve(records, OBJECTIVES, most=7) or []) == 7
    assert volume_curve([], OBJECTIVES) == []
    control = search_in_memory(random_search())
    same_unit = volume_curve(control, OBJECTIVES, records)
    assert same_unit != volume_curve(control, OBJECTIVES)


HOSTILE = '</script><img src=x onerror="alert(1)">@DATA@ & \u2028 "quoted"'


def test_nothing_of_a_study_becomes_markup(tmp_path: Path, undrawn: None) -> None:
    given = {'checkpoint': HOSTILE, 'config': {'clip': [float('inf')]}}
    study = searched(tmp_path / 'a.journal', HOSTILE, random_search(num_total=3), **given)
    path = tmp_path / 'page.html'
    write_page([study], path, [f'{HOSTILE.replace("=", "")}:mIoU=1'])
    text = path.read_text()
    assert '<img' not in text
    assert text.count('<script') == text.count('</script>') == 3
    data = data_of(path)
    assert data['title'] == data['studies'][0]['name'] == HOSTILE
    assert data['studies'][0]['settings']['checkpoint'] == HOSTILE
    assert data['studies'][0]['settings']['config'] == {'clip': ['inf']}


def test_only_an_earlier_page_is_written_over(page: Path, tmp_path: Path) -> None:
    assert MARK in page.read_text()[:2000]
    check_target(page)
    mine = tmp_path / 'mine.html'
    mine.write_text('<html>mine</html>')
    for path in (mine, tmp_path, tmp_path / 'none/page.html'):
        with raises(SearchError, where='--out' if path != mine else mine):
            check_target(path)
    assert mine.read_text() == '<html>mine</html>'


@pytest.mark.parametrize(
    ('text', 'got'),
    [
        ('teacher', 'teacher'),
        ('teacher:mIoU', 'teacher:mIoU'),
        ('teacher:mIoU=x', 'teacher:mIoU=x'),
        ('teacher:mIoU=nan', 'teacher:mIoU=nan'),
        ('teacher:mAP=3', 'mAP'),
        (':mIoU=3', ':mIoU=3'),
    ],
)
def test_a_wrong_reference_is_refused(text: str, got: str) -> None:
    with raises(SearchError, where=contains('--reference'), got=got):
        references_of([text], ('mIoU', 'macs'))


def test_references_are_read_from_cards_and_metrics(tmp_path: Path) -> None:
    flat, card = tmp_path / 'flat.json', tmp_path / 'card.json'
    flat.write_text('{"mIoU": 50.5, "time": 0.1, "ok": true}')
    card.write_text(
        '{"cost": {"macs": 7}, "metrics": {"test": {"mIoU": 1}, "search": {"mIoU": 2}}}'
    )
    texts = [f'a={flat}', 'a:macs=3', f'b={card}']
    one, other = references_of(texts, ('mIoU', 'macs'))
    assert (one.name, dict(one.values)) == ('a', {'mIoU': 50.5, 'macs': 3})
    assert dict(other.values) == {'mIoU': 2, 'macs': 7}
    flat.write_text('{"loss": 1}')
    with raises(SearchError, where='--reference', got=f'a={flat}', allowed=('mIoU',)):
        references_of([f'a={flat}'], ('mIoU',))
    with raises(SearchError, where=tmp_path / 'none.json'):
        references_of([f'a={tmp_path / "none.json"}'], ('mIoU',))


def test_studies_of_other_objectives_are_not_mixed(tmp_path: Path) -> None:
    for name, objectives in (('a', OBJECTIVES), ('b', Objectives.from_dict(('mIoU', 'acts')))):
        searched(
            tmp_path / f'{name}.journal', name, RandomSearch(SPACE, objectives, COST, num_total=2)
        )
    with raises(SearchError, where='report', got=('mIoU', 'acts'), allowed=(('mIoU', 'macs'),)):
        studies_at([str(tmp_path / 'a.journal'), str(tmp_path / 'b.journal')])


def test_without_plotly_it_is_one_line(monkeypatch: pytest.MonkeyPatch, page: Path) -> None:
    monkeypatch.setitem(sys.modules, 'plotly.offline', None)
    page_module._plotly.cache_clear()
    with raises(SearchError, where='report', hint=contains('scalenas[report]')):
        page_text(data_of(page))


def test_a_study_without_networks_and_one_of_an_unknown_space_have_a_page(tmp_path: Path) -> None:
    from scalenas.search import SearchStudy

    empty = SearchStudy.open(
        str(tmp_path / 'a.journal'), 'a', OBJECTIVES, {'space': {'family': 'x'}}
    )
    data = PageData([empty])()
    assert (data['axes'], data['studies'][0]['rows'], data['references']) == ([], [], [])
    strange = searched(
        tmp_path / 'b.journal', 'b', random_search(num_total=2), space={'family': 'x'}
    )
    (shown,) = PageData([strange])()['studies']
    assert len(shown['rows']) == 2
    assert shown['genes'] == []
    assert all(net['svg'] for net in shown['drawings'].values())


def test_watching_ends_with_the_search(tmp_path: Path, undrawn: None) -> None:
    """The page is written again after new networks; the last one does not load itself again."""
    where, path = tmp_path / 'a.journal', tmp_path / 'page.html'
    study = searched(where, 'a', random_search(num_total=4))
    seen: list[int] = []

    def go_on() -> None:
        while not path.exists():
            time.sleep(0.01)
        seen.append(len(data_of(path)['studies'][0]['rows']))
        searched(where, 'a', random_search(num_total=6))

    other = threading.Thread(target=go_on)
    other.start()
    assert watch([study], path, seconds=0.05, quiet=0.5)
    other.join()
    assert seen == [4]
    assert data_of(path)['live'] is None
    assert len(data_of(path)['studies'][0]['rows']) == 6


def test_watching_goes_on_while_something_is_evaluated_and_ends_with_ctrl_c(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = searched(tmp_path / 'a.journal', 'a', random_search(num_total=2))
    running = iter([1, 1, 1, 1, 1])
    monkeypatch.setattr(study, 'at_work', lambda: next(running, 0))
    assert watch([study], tmp_path / 'page.html', seconds=0.01, quiet=0.0)
    assert next(running, 'used up') == 'used up'

    def interrupt(seconds: float) -> None:
        assert data_of(tmp_path / 'page.html')['live'] == 7.0
        raise KeyboardInterrupt

    monkeypatch.setattr('scalenas.visualization.page.time.sleep', interrupt)
    assert not watch([study], tmp_path / 'page.html', seconds=7.0)
    assert data_of(tmp_path / 'page.html')['live'] is None


def test_a_front_of_three_objectives(
    tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip('moocore')
    objectives = Objectives.from_dict(('mIoU', 'macs', 'acts'))
    search = NSGA2(SPACE, objectives, COST, num_total=20, population=10)
    study = searched(tmp_path / 'a.journal', 'a', search)
    monkeypatch.setattr(page_data, 'MOST_DRAWN', 3)
    (shown,) = PageData([study])()['studies']
    assert len(shown['winners']) == len(shown['drawings']) == 3
    ends = [name for net in shown['winners'] for name in net['best']]
    assert sorted(ends) == ['acts', 'mIoU', 'macs']
    assert shown['volume'][-1][0] == 20


def test_a_small_drawing_keeps_texts_and_scales() -> None:
    text = (
        '<?xml?><!-- x --><svg a="0.0156"><metadata>d</metadata><text x="1.2345">a b</text></svg>'
    )
    assert small_svg(text) == '<svg a="0.0156"><text x="1.2">a b</text></svg>'
