"""Scalars of a search: what backends are given, once, and which backends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scalenas.errors import ConfigError
from scalenas.search.report import volume_rows
from scalenas.search_scalars import SearchScalars
from tests.errors import raises

from .search.table import OBJECTIVES, evolution, search_in_memory

RECORDS = search_in_memory(evolution())


class Noted:
    """A backend that keeps what it is given."""

    made: list[Noted]

    def __init__(self, save_dir: str) -> None:
        self.save_dir, self.closed = save_dir, False
        self.steps: list[tuple[int, dict[str, float]]] = []
        Noted.made.append(self)

    @property
    def experiment(self) -> Noted:
        return self

    def add_scalars(self, scalars: dict[str, float], step: int) -> None:
        self.steps.append((step, scalars))

    def close(self) -> None:
        self.closed = True


class Broken(Noted):
    """One that does not work here."""

    @property
    def experiment(self) -> Noted:
        raise ImportError('no module of that name')


class Full(Noted):
    """One whose disk is full."""

    def add_scalars(self, scalars: dict[str, float], step: int) -> None:
        raise OSError(28, 'No space left on device')


@pytest.fixture(autouse=True)
def made() -> list[Noted]:
    """The backends of a test."""
    Noted.made = []
    return Noted.made


LOCAL = {'type': 'mmengine.LocalVisBackend'}


@pytest.mark.parametrize(
    'cfg',
    [
        {'visualizer': {'type': 'Visualizer', 'vis_backends': [LOCAL, {'type': Noted}]}},
        {'vis_backends': [LOCAL, {'type': Noted, 'name': 'mine'}]},
        {'vis_backends': {'type': Noted}, 'visualizer': {'type': 'Visualizer'}},
    ],
)
def test_a_backend_is_given_every_generation_once(
    cfg: dict[str, Any], made: list[Noted], tmp_path: Path
) -> None:
    scalars = SearchScalars(cfg, tmp_path)
    for generation in range(1 + max(record.generation for record in RECORDS)):
        known = [record for record in RECORDS if record.generation <= generation]
        scalars(known, OBJECTIVES)
        scalars(known, OBJECTIVES)
    scalars.close()
    (backend,) = made
    rows = volume_rows(RECORDS, OBJECTIVES)
    assert rows is not None
    assert [step for step, _ in backend.steps] == [row['evaluated'] for row in rows]
    for (step, given), row in zip(backend.steps, rows, strict=True):
        assert given == {
            'search/hypervolume': pytest.approx(row['hypervolume']),
            'search/front': row['front'],
            'search/best mIoU': max(r.metrics['mIoU'] for r in RECORDS[:step]),
            'search/best macs': min(r.cost['macs'] for r in RECORDS[:step]),
        }
    assert backend.closed
    assert backend.save_dir == str(tmp_path / 'vis_data')


def test_a_search_that_goes_on_repeats_nothing(made: list[Noted], tmp_path: Path) -> None:
    scalars = SearchScalars({'vis_backends': [{'type': Noted}]}, tmp_path, known=18)
    scalars(RECORDS, OBJECTIVES)
    assert [step for step, _ in made[0].steps] == [24, 30, 36, 40]


def test_the_local_backend_and_none_do_nothing(tmp_path: Path) -> None:
    for cfg in ({}, {'vis_backends': None}, {'vis_backends': [LOCAL]}):
        SearchScalars(cfg, tmp_path)(RECORDS, OBJECTIVES)
    assert [*tmp_path.iterdir()] == []


def test_a_backend_that_does_not_work_ends_before_the_search(tmp_path: Path) -> None:
    stock = ['TensorboardVisBackend', 'WandbVisBackend']
    for kind, got in ((Broken, 'Broken'), ('NoSuchBackend', 'NoSuchBackend')):
        with raises(ConfigError, where='vis_backends[1]', got=got) as caught:
            SearchScalars({'vis_backends': [LOCAL, {'type': kind}]}, tmp_path)
    assert {*stock} < {*caught.value.allowed}


def test_a_full_disk_ends_no_search(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    SearchScalars({'vis_backends': [{'type': Full}]}, tmp_path)(RECORDS, OBJECTIVES)
    assert caplog.text.count('No space left') == 6
