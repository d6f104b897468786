"""Signs of life of an evaluation, for workers that cannot see its process.

Optuna's heartbeat knows only databases, and compares clocks; the heartbeat here is a counter that
observers watch, on any storage.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.storages import BaseStorage

from .record import StudyError
from .storage import Patience, StorageAwayError
from .trials import Row
from .worker import Worker, is_alive

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
GRACE_SECONDS = 90.0


@contextmanager
def heartbeat(storage: BaseStorage, patience: Patience, trial_id: int) -> Iterator[None]:
    """Counts at the trial, now and then, while it lasts."""
    stop = threading.Event()

    def beat() -> None:
        count = 0
        while not stop.wait(HEARTBEAT_SECONDS):
            count += 1
            try:
                patience.once(storage.set_trial_user_attr, trial_id, 'heartbeat', count)
            except optuna.exceptions.UpdateFinishedTrialError:
                return
            except StorageAwayError:
                continue  # who works with the storage says so
            except StudyError as error:
                logger.warning('no heartbeat: %s', error)
                return

    thread = threading.Thread(target=beat, name='heartbeat', daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Watch:
    """Tells, for one worker, which of the others are dead."""

    def __init__(self, me: Worker, patience: Patience) -> None:
        self._me, self._patience = me, patience
        self._heartbeats: dict[int, tuple[object, float]] = {}

    def now(self) -> float:
        """The time in seconds."""
        return time.monotonic()

    def is_dead(self, row: Row) -> bool:
        """True when the process is gone, or on another machine gave no sign for too long."""
        if row.worker.token == self._me.token:
            return True  # not held, so left behind by an error in this very process
        alive = is_alive(row.worker)
        if alive is not None:
            return not alive
        now = self.now()
        last, since = self._heartbeats.get(row.trial_id, (-1, now))
        if row.heartbeat != last:
            since = now
        # While the storage was away, nobody could give a sign of life.
        since = max(since, self._patience.last_failure)
        self._heartbeats[row.trial_id] = (row.heartbeat, since)
        return now - since > GRACE_SECONDS
