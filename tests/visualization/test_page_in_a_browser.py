"""The page in a real browser: what it draws, shows, sorts and filters; skips without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scalenas.search import NSGA2, Objectives
from scalenas.visualization.page import write_page

from ..search.table import COST, OBJECTIVES, SPACE, evolution, random_search
from .browser import Browser, browser
from .pages import searched

pytest.importorskip('plotly')

POINTS = 'document.querySelectorAll("#front-chart .scatterlayer .point").length'
ROWS = 'document.querySelectorAll("#table tbody tr").length'
WIDTHS = '[document.documentElement.scrollWidth, innerWidth]'
HOSTILE = 'a <b>bold</b> <img src=x onerror="document.title=1"> study'
EVOLVED, RANDOM = 16, 8


@pytest.fixture(scope='module')
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two studies, one with a strange name."""
    folder = tmp_path_factory.mktemp('page')
    search = evolution(num_total=EVOLVED, num_initial=8, num_parents=4)
    studies = [
        searched(folder / 'study.journal', 'one', search),
        searched(folder / 'study.journal', HOSTILE, random_search(num_total=RANDOM)),
    ]
    write_page(studies, folder / 'page.html', ['teacher:mIoU=20,macs=6e6'])
    return folder / 'page.html'


@pytest.fixture(scope='module')
def tab() -> Iterator[Browser]:
    """A browser for all tests of this module."""
    with browser() as tab:
        yield tab


@pytest.mark.parametrize('dark', [False, True])
@pytest.mark.parametrize('width', [1280, 390])
def test_it_fits_every_window_and_asks_no_network(
    width: int, dark: bool, page: Path, tab: Browser
) -> None:
    tab.problems.clear()
    tab.requests.clear()
    tab.open(page, width, dark=dark)
    assert tab.ask(WIDTHS) == [width, width]
    assert tab.ask('document.documentElement.dataset.theme') == ('dark' if dark else 'light')
    assert tab.ask(POINTS) == EVOLVED + RANDOM + 1
    # Without colours, too, they differ.
    assert len(set(tab.ask('$("front-chart").data.map((t) => t.marker.symbol)'))) == 5
    assert len(set(tab.ask('$("growth-chart").data.map((t) => t.line.dash)'))) == 2
    assert tab.problems == []
    assert {url.partition(':')[0] for url in tab.requests} <= {'file', 'blob'}


def test_a_name_stays_a_name(page: Path, tab: Browser) -> None:
    tab.open(page)
    assert HOSTILE in tab.ask('document.title')
    assert (
        tab.ask('document.querySelectorAll("h3 b, td b, .legend b, img:not(.drawing)").length') == 0
    )
    texts = tab.ask('[...document.querySelectorAll(".legendtext")].map((t) => t.textContent)')
    assert f'{HOSTILE[:31]}… evaluated ({RANDOM})' in texts


def test_hover_tells_the_slot_and_draws_the_net(page: Path, tab: Browser) -> None:
    tab.open(page)
    place = (
        '(() => { $("front-chart").scrollIntoView({ block: "center" });'
        ' const point = document.querySelectorAll("#front-chart .scatterlayer .trace")[1]'
        '.querySelector(".point"); const box = point.getBoundingClientRect();'
        ' return [box.x + box.width / 2, box.y + box.height / 2]; })()'
    )
    x, y = tab.ask(place)
    cheapest = tab.ask('$("front-chart").data[1].customdata[0]')
    tab.move(x - 40, y + 40)
    tab.move(x, y)
    tab.wait('!$("tip").hidden')
    assert int(tab.ask('$("tip").dataset.slot')) == cheapest
    assert f'slot {cheapest}' in tab.ask('$("tip").innerText')
    tab.wait('document.querySelector("#tip img").naturalWidth > 100')
    tab.move(x, y, 'mousePressed')
    tab.move(x, y, 'mouseReleased')
    tab.wait('$("detail").open')
    assert int(tab.ask('$("detail").dataset.slot')) == cheapest
    assert tab.ask('$("tip").hidden')


def test_the_table_sorts_and_filters_and_the_chart_follows(page: Path, tab: Browser) -> None:
    tab.open(page)
    assert tab.ask(ROWS) == EVOLVED + RANDOM
    heads = tab.ask('[...document.querySelectorAll("#table thead th")].map((e) => e.innerText)')
    column = next(i for i, head in enumerate(heads) if head.startswith('mIoU'))
    click = f'document.querySelectorAll("#table thead button")[{column}].click()'
    body = '[...document.querySelectorAll("#table tbody tr")]'
    cells = f'{body}.map((row) => +row.cells[{column}].innerText)'
    tab.ask(click)
    down = tab.ask(cells)
    assert down == sorted(down, reverse=True)
    tab.ask(click)
    assert tab.ask(cells) == sorted(down)
    values = sorted({*down})
    middle = (values[5] + values[6]) / 2
    tab.ask(f'$("filter").value = "mIoU>{middle}"; $("filter").oninput()')
    kept = sum(value > middle for value in down)
    assert 0 < kept < EVOLVED + RANDOM
    assert tab.ask(ROWS) == kept
    assert tab.ask(POINTS) == kept + 1
    assert min(tab.ask(cells)) > middle
    tab.ask('$("filter").value = "mIoU>"; $("filter").oninput()')
    assert '“mIoU>”' in tab.ask('$("count").innerText')
    tab.ask('$("filter").value = ""; $("filter").oninput(); $("only-front").click()')
    assert tab.ask(ROWS) == tab.ask('document.querySelectorAll("#table tbody tr.front").length')
    tab.ask('$("only-front").click()')


def test_axes_of_three_objectives_are_chosen(tmp_path: Path, tab: Browser) -> None:
    objectives = Objectives.from_dict(('mIoU', 'macs', 'acts'))
    search = NSGA2(SPACE, objectives, COST, num_total=8, population=4)
    study = searched(tmp_path / 'study.journal', 'three', search)
    write_page([study], tmp_path / 'page.html')
    tab.problems.clear()
    tab.open(tmp_path / 'page.html')
    title = 'document.querySelector("#front-chart .xtitle").textContent'
    assert tab.ask(title).startswith('MACs')
    tab.ask('$("x").value = [...$("x").options].find((o) => o.text.startsWith("act")).value')
    tab.ask('$("x").onchange()')
    tab.wait(f'{title}.startsWith("activations")')
    assert tab.ask(POINTS) == 8
    assert tab.problems == []


def test_a_study_that_has_just_begun_is_a_page(tmp_path: Path, tab: Browser) -> None:
    from scalenas.search import SearchStudy

    study = SearchStudy.open(str(tmp_path / 'a.journal'), 'new', OBJECTIVES, {'seed': 0})
    write_page([study], tmp_path / 'page.html')
    tab.problems.clear()
    tab.open(tmp_path / 'page.html')
    assert tab.problems == []
    assert tab.ask('$("problem").textContent') == ''
    assert tab.ask(ROWS) == 0
