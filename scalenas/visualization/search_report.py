"""What a search leaves in its folder: tables, archs, and the picture with a random sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scalenas.search import Objective, Record, SearchStudy, front_of, write_report

from .draw_front import draw_front

AXES = {'macs': 'multiply-adds', 'params': 'parameters', 'acts': 'activations'}


class SearchReport:
    """Writes front.csv, front.json, study.json, all.csv, archs/ and front.png.

    The records of the study `random_name` in the same storage, if there is one, are drawn beside
    those of the study `name`.
    """

    def __init__(
        self, folder: str | Path, objective: Objective, where: str, random_name: str, name: str
    ) -> None:
        self.folder = Path(folder)
        self.objective = objective
        self._where, self._random_name, self._name = where, random_name, name

    def __call__(self, records: Sequence[Record]) -> None:
        """Write it all, each file as a whole."""
        names = SearchStudy.names(self._where)
        known = self._name in names
        checkpoint = SearchStudy.read(self._where, self._name).checkpoint if known else ''
        write_report(records, self.objective, self.folder, checkpoint)
        beside: Sequence[Record] = ()
        if self._random_name != self._name and self._random_name in names:
            beside = SearchStudy.read(self._where, self._random_name).records()
        if records:
            draw_front(
                self.folder / 'front.png',
                self._points(records),
                self._points(beside) or None,
                self._points(front_of(records, self.objective)),
                metric=self.objective.metric,
                maximize=self.objective.direction == 'maximize',
                found_label=self._name,
                cost_label=AXES[self.objective.cost],
            )

    def _points(self, records: Sequence[Record]) -> list[tuple[float, float]]:
        cost, metric = self.objective.cost, self.objective.metric
        return [(float(getattr(r.cost, cost)), r.metrics[metric]) for r in records]
