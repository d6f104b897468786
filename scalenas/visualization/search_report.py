"""What a search leaves in its folder: tables, archs, and the picture with a random sample."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from scalenas.paths import writable_folder
from scalenas.search import (
    AbstractSearch,
    AlternatingSearch,
    Objective,
    Places,
    Record,
    SearchStudy,
    StudyError,
    front_of,
    write_findings,
    write_report,
)

from .draw_front import draw_front
from .draw_iterations import draw_iterations

logger = logging.getLogger(__name__)

AXES = {'macs': 'multiply-adds', 'params': 'parameters', 'acts': 'activations'}


class SearchReport:
    """Writes front.csv, front.json, study.json, all.csv, archs/ and front.png of a study.

    The records of the random study in the same storage, if there is one of the same supernet,
    pictures and metrics, are drawn beside.

    Attributes:
        search: the running search, if there is one; its findings are written too, and the
            iterations of an alternating search drawn.
    """

    def __init__(self, places: Places, objective: Objective) -> None:
        self.places, self.objective = places, objective
        self.search: AbstractSearch | None = None

    def __call__(self, records: Sequence[Record]) -> None:
        """Write it all, each file as a whole."""
        where, name = self.places.storage, self.places.study
        names = SearchStudy.names(where)
        study = SearchStudy.read(where, name) if name in names else None
        checkpoint = study.checkpoint if study is not None else ''
        folder = writable_folder(self.places.report)
        write_report(records, self.objective, folder, checkpoint, name)
        beside = self._beside(study) if self.places.random_study in names else ()
        if records:
            draw_front(
                self.places.report / 'front.png',
                self._points(records),
                self._points(beside) or None,
                self._points(front_of(records, self.objective)),
                metric=self.objective.metric,
                maximize=self.objective.direction == 'maximize',
                found_label=name,
                cost_label=AXES[self.objective.cost],
            )
        if self.search is not None:
            write_findings(self.search.findings(), self.places.report)
            if isinstance(self.search, AlternatingSearch) and self.search.history:
                draw_iterations(
                    self.places.report / 'iterations.png',
                    self.search.history,
                    self.objective.metric,
                )

    def _beside(self, study: SearchStudy | None) -> Sequence[Record]:
        """The records of the random study, where their scores can be compared with ours."""
        where, other = self.places.storage, self.places.random_study
        if study is None or other == study.name:
            return ()
        try:
            control = SearchStudy.read(where, other)
        except StudyError as error:  # somebody else's
            logger.info('study %s is not drawn beside: %s', other, error)
            return ()
        if apart := study.differs_from(control):
            logger.info('study %s is not drawn beside, it was made otherwise: %s', other, apart)
            return ()
        return control.records()

    def _points(self, records: Sequence[Record]) -> list[tuple[float, float]]:
        cost, metric = self.objective.cost, self.objective.metric
        return [(float(getattr(r.cost, cost)), r.metrics[metric]) for r in records]
