"""The progress of a search: one moving line on a terminal, one log line per network."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Self, TextIO

from .objectives import Objectives
from .record import Record

logger = logging.getLogger(__name__)

WIDTH = 24
REMIND_SECONDS = 60.0


class ProgressLine:
    """Evaluated of total, the best so far, time left; elsewhere than on a terminal only logs."""

    def __init__(self, objectives: Objectives, total: int, stream: TextIO = sys.stderr) -> None:
        self.objectives = objectives
        self.total = total
        self._stream = stream
        self._moving = stream.isatty() or 'ipykernel' in sys.modules
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
            best = self.objectives.best(records)
            first, *others = self._texts(best)
            text += f'  best {first}' + (f' ({", ".join(others)})' if others else '')
        fresh = count - (self._known_at_start or 0)
        if fresh > 0 and count < self.total:
            pace = (time.monotonic() - self._start) / fresh
            text += f'  left {timedelta(seconds=round(pace * (self.total - count)))}'
        return text

    def evaluated(self, record: Record, seconds: float) -> None:
        """Log the network that this worker evaluated."""
        self._draw('')
        logger.info(
            'slot %d (generation %d): %s, %.2f s%s',
            record.slot,
            record.generation,
            ', '.join([*self._texts(record, metrics_only=True), str(record.cost)]),
            seconds,
            '' if self._moving else f'  {self._last}',
        )

    def _texts(self, record: Record, metrics_only: bool = False) -> list[str]:
        chosen = self.objectives.metrics if metrics_only else self.objectives
        return [o.text(o.value(record.cost, record.metrics)) for o in chosen]

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
