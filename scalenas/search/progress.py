"""The progress of a search: one moving line on a terminal, one log line per network."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Self, TextIO

from .record import Objective, Record

logger = logging.getLogger(__name__)

WIDTH = 24
REMIND_SECONDS = 60.0


class ProgressLine:
    """Evaluated of total, the best so far, time left; elsewhere than on a terminal only logs."""

    def __init__(self, objective: Objective, total: int, stream: TextIO = sys.stderr) -> None:
        self.objective = objective
        self.total = total
        self._stream = stream
        self._moving = stream.isatty()
        self._start = time.monotonic()
        self._known_at_start: int | None = None
        self._last = ''
        self._reminded = float('-inf')

    def update(self, records: Sequence[Record]) -> None:
        """Redraw the line."""
        if self._known_at_start is None:
            self._known_at_start = len(records)
        self._last = self.line(records)
        self._draw(self._last)

    def line(self, records: Sequence[Record]) -> str:
        """Evaluated / total, best, time left by the pace of all workers since this one began."""
        count = len(records)
        filled = min(WIDTH, WIDTH * count // self.total)
        text = f'[{"#" * filled}{"." * (WIDTH - filled)}] {count}/{self.total}'
        if records:
            best = min(records, key=lambda r: (self.objective.loss(r.metrics), r.slot))
            value = best.metrics[self.objective.metric]
            cost = best.cost[self.objective.cost] / 1e9
            text += (
                f'  best {self.objective.metric} {value:.4f} ({cost:.3f} G {self.objective.cost})'
            )
        fresh = count - (self._known_at_start or 0)
        if fresh > 0 and count < self.total:
            pace = (time.monotonic() - self._start) / fresh
            text += f'  left {timedelta(seconds=round(pace * (self.total - count)))}'
        return text

    def evaluated(self, record: Record, seconds: float) -> None:
        """Log the network that this worker evaluated."""
        self._draw('')
        logger.info(
            'slot %d (generation %d): %s %.4f, %s, %.2f s%s',
            record.slot,
            record.generation,
            self.objective.metric,
            record.metrics[self.objective.metric],
            record.cost,
            seconds,
            '' if self._moving else f'  {self._last}',
        )

    def waiting(self, running: Sequence[tuple[int, str]]) -> None:
        """Say now and then for whom the search waits."""
        if time.monotonic() - self._reminded < REMIND_SECONDS:
            return
        self._reminded = time.monotonic()
        names = '; '.join(f'{worker} (slot {slot})' for slot, worker in running)
        self._draw('')
        logger.info('waiting for the end of the generation: %s', names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._moving:
            self._stream.write('\n')

    def _draw(self, text: str) -> None:
        if self._moving:
            self._stream.write(f'\r\x1b[2K{text}')
            self._stream.flush()
