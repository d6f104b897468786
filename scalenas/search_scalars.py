"""The progress of a search as scalars, for TensorBoard and its like: as the config's visualizer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmengine.visualization  # noqa: F401 (registers its backends)
from mmengine.registry import VISBACKENDS

from scalenas.errors import ConfigError, foreign
from scalenas.search import Objectives, Record
from scalenas.search.report import volume_rows

logger = logging.getLogger(__name__)

LOCAL = 'LocalVisBackend'
"""It writes files of its own, which say no more than the tables of the report."""


class SearchScalars:
    """Gives hypervolume, size of the front and best values to backends, generation by generation.

    Scalars are `search/hypervolume`, `search/front` and `search/best NAME` for each objective; the
    step is the number of networks evaluated.

    Args:
        cfg: whose `visualizer.vis_backends`, or else `vis_backends`, are used, all but the local.
        folder: for files of the backends: `vis_data/` in it.
        known: networks that were evaluated before, whose scalars an earlier run has given.

    Raises:
        ConfigError: for a backend that does not work here, before anything is evaluated.
    """

    def __init__(self, cfg: Mapping[str, Any], folder: Path, known: int = 0) -> None:
        self._backends = [
            _backend(dict(entry), i, folder / 'vis_data')
            for i, entry in enumerate(_entries(cfg))
            if _name(entry) != LOCAL
        ]
        self._done = known

    def __call__(self, records: Sequence[Record], objectives: Objectives) -> None:
        """What is new since the last call."""
        if not self._backends or len(records) <= self._done:
            return
        for row in volume_rows(records, objectives) or ():
            if row['evaluated'] > self._done:
                scalars = {f'search/{name}': row[name] for name in ('hypervolume', 'front')}
                seen = [r for r in records if r.generation <= row['generation']]
                for objective in objectives:
                    values = [objective.value(r.cost, r.metrics) for r in seen]
                    best = min(values, key=objective.loss)
                    scalars[f'search/best {objective.name}'] = best
                self._add(scalars, int(row['evaluated']))
        self._done = len(records)

    def _add(self, scalars: dict[str, float], step: int) -> None:
        for backend in self._backends:
            try:
                backend.add_scalars(dict(scalars), step)
            except OSError as error:  # a full disk ends no search
                logger.warning('scalars of step %d: %s', step, foreign(error))

    def close(self) -> None:
        """Ends the backends."""
        for backend in self._backends:
            backend.close()


def _entries(cfg: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    visualizer = cfg.get('visualizer')
    entries = visualizer.get('vis_backends') if isinstance(visualizer, Mapping) else None
    entries = cfg.get('vis_backends') if entries is None else entries
    return [entries] if isinstance(entries, Mapping) else (entries or [])


def _name(entry: Mapping[str, Any]) -> str:
    kind = entry.get('type')
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]


def _backend(entry: dict[str, Any], i: int, folder: Path) -> Any:
    entry.pop('name', None)  # a visualizer's, by which it finds its backends
    entry.setdefault('save_dir', str(folder))
    where, kind = f'vis_backends[{i}]', entry.get('type')
    if isinstance(kind, str) and VISBACKENDS.get(kind) is None:
        known = sorted(VISBACKENDS.module_dict)
        raise ConfigError(where=where, got=kind, allowed=known)
    try:
        backend = VISBACKENDS.build(entry)
        _ = backend.experiment  # now, and not after the first generation, it opens what it needs
    except Exception as error:  # anybody's backend
        raise ConfigError(foreign(error), where=where, got=_name(entry)) from error
    return backend
