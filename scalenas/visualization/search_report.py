"""What a search leaves in its folder: tables, archs, and the plot with a random sample."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from scalenas.errors import UserError
from scalenas.paths import writable_folder
from scalenas.search import (
    AbstractSearch,
    AlternatingSearch,
    Objectives,
    Places,
    Record,
    SearchError,
    SearchStudy,
    StorageAwayError,
    front_of,
    write_findings,
    write_report,
)

from .draw_search import draw_front, draw_iterations, draw_pairs

logger = logging.getLogger(__name__)


class SearchReport:
    """Writes front.csv, front.json, study.json, all.csv, archs/ and front.png of a study.

    The records of the random study in the same storage, if there is one of the same supernet,
    images and metrics, are drawn, too.

    Attributes:
        search: the running search, if there is one; its findings are written too, and the
            iterations of an alternating search drawn.
        study: the study that it works on; without one it is read from its place.
        measured: what was measured of networks of the front, by slot and column.
    """

    def __init__(self, places: Places, objectives: Objectives) -> None:
        self.places, self.objectives = places, objectives
        self.search: AbstractSearch | None = None
        self.study: SearchStudy | None = None
        self.measured: Mapping[int, Mapping[str, float]] = {}

    def __call__(self, records: Sequence[Record]) -> None:
        """Write it all, each file as a whole.

        Raises:
            SearchError: when a file cannot be written; the study has all that it would tell.
        """
        try:
            self._write(records)
        except OSError as error:
            raise SearchError(
                f'the report cannot be written: {error.strerror}',
                where=error.filename or self.places.report,
                hint='the study is whole: the same command with --report-only writes it',
            ) from None

    def on_the_way(self, records: Sequence[Record]) -> None:
        """The same while the search goes on, which needs no report: a full disk is only logged."""
        try:
            self(records)
        except UserError as error:
            logger.warning('%s', error)

    def _write(self, records: Sequence[Record]) -> None:
        study = self.study or self._stored()
        name = self.places.study
        checkpoint, start = (study.checkpoint, study.start) if study is not None else ('', None)
        folder = writable_folder(self.places.report)
        write_report(records, self.objectives, folder, checkpoint, name, self.measured, start)
        others = self._control(study)
        if records:
            self._draw(records, others, name)
        if self.search is not None:
            write_findings(self.search.findings(), self.places.report)
            if isinstance(self.search, AlternatingSearch) and self.search.history:
                draw_iterations(
                    self.places.report / 'iterations.png',
                    self.search.history,
                    self.search.metric.name,
                )

    def _stored(self) -> SearchStudy | None:
        where, name = self.places.storage, self.places.study
        return SearchStudy.read(where, name) if name in SearchStudy.names(where) else None

    def _control(self, study: SearchStudy | None) -> Sequence[Record]:
        control = None if study is None else control_of(study, self.places.random_study)
        return () if control is None else control.records()

    def _draw(self, records: Sequence[Record], others: Sequence[Record], name: str) -> None:
        path, front = self.places.report / 'front.png', front_of(records, self.objectives)
        columns, metrics = self.objectives.columns, self.objectives.metrics
        if len(columns) == len(metrics) == 1 and columns[0].direction == 'min':
            pair = (columns[0].name, metrics[0].name)
            draw_front(
                path,
                _values(records, pair),  # type: ignore[arg-type]
                _values(others, pair) or None,  # type: ignore[arg-type]
                _values(front, pair),  # type: ignore[arg-type]
                metric=metrics[0].name,
                maximize=metrics[0].direction == 'max',
                points_label=name,
                column=columns[0].name,
            )
            return
        names = self.objectives.names
        axes = names if len(names) > 1 else ('macs' if names != ('macs',) else 'params', *names)
        points, best, random = (_values(rows, axes) for rows in (records, front, others))
        draw_pairs(path, axes, points, best, random, points_label=name)


def control_of(study: SearchStudy, name: str) -> SearchStudy | None:
    """The random study `name` of the same storage, where its scores can be compared with ours."""
    if name == study.name:
        return None
    try:
        control = study.sibling(name)
        if control is None:
            return None
        apart = study.differs_from(control)
        control.records()
    except StorageAwayError:
        raise
    except UserError as error:  # somebody else's, or damaged
        logger.info('study %s is not drawn: %s', name, error)
        return None
    if apart:
        logger.info('study %s is not drawn, it was made otherwise: %s', name, apart)
        return None
    return control


def _values(records: Sequence[Record], names: Sequence[str]) -> list[tuple[float, ...]]:
    return [tuple(float({**r.metrics, **r.cost}[n]) for n in names) for r in records]
