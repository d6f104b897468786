"""The best networks of a search, timed whole on the device that its table of units is of."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scalenas.arch import Arch, Size
from scalenas.errors import UserError
from scalenas.latency import Cache, LatencyTable, Spread, known_times, measure, ranking

from .benchmark import candidate
from .command import CommandStopwatch
from .nets import of_arch, own_size
from .stopwatch import RuntimeStopwatch, Stopwatch

try:
    import fcntl
except ImportError:  # without locks two processes may time at once, and disturb each other
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

ROUNDS = 12
MOST = 20
"""Networks of a front that are timed, evenly along it."""

COMMAND = 'command '


def stopwatch_of(about: Mapping[str, Any]) -> Stopwatch:
    """What measures as a table was measured.

    Raises:
        UserError: where that runtime, version or machine is not the one here.
    """
    name = str(about.get('runtime', ''))
    if name.startswith(COMMAND):
        return CommandStopwatch(name.removeprefix(COMMAND), batch=about.get('batch', 1))
    options = ('precision', 'device', 'threads', 'batch', 'runs', 'clock')
    here = RuntimeStopwatch(
        name.partition(' ')[0], **{key: about[key] for key in options if key in about}
    )
    for key, value in here.setting.items():
        if about.get(key) != value:
            raise UserError(
                f'was measured with another {key}',
                where='latency table',
                got=about.get(key),
                allowed=[value],
            )
    return here


def timed_whole(
    archs: Mapping[int, Arch],
    table: LatencyTable,
    size: Size | None,
    cache: Cache,
    known_only: bool = False,
) -> dict[int, Spread]:
    """Slot of a network -> milliseconds of its deployed backbone, of `MOST` along the front.

    `known_only`: as far as they are in the cache.

    Raises:
        UserError: where the device of the table is not at hand.
    """
    stopwatch = stopwatch_of(table.about)
    slots = list(archs)
    if len(slots) > MOST:
        slots = [slots[round(i * (len(slots) - 1) / (MOST - 1))] for i in range(MOST)]
    candidates = []
    for slot in slots:
        at = own_size(archs[slot], size)
        candidates.append(candidate(of_arch(f'slot {slot}', archs[slot]), at, stopwatch))
    times = known_times(candidates, cache, ROUNDS)
    if times is None and known_only:
        return {}
    if times is None:
        logger.info('%d networks of the front are timed as a whole', len(slots))
        with _alone(cache.folder):
            times = measure(candidates, cache, ROUNDS)
    if len(slots) > 1:
        found = ranking(times)
        logger.info(
            "the front, timed whole: split-half Kendall's tau %.3f, smallest difference %.1f %%",
            found.tau,
            100 * found.difference,
        )
    return {
        slot: Spread(*(1e3 * value for value in spread))
        for slot, spread in zip(slots, times.spreads(), strict=True)
    }


def measured_columns(
    archs: Mapping[int, Arch],
    columns: Mapping[str, Any],
    size: Size | None,
    folder: str | Path,
    known_only: bool = False,
) -> dict[int, dict[str, float]]:
    """Slot -> `ms_measured` and its quartiles `ms_lower` and `ms_upper`, for tables called `ms`.

    What cannot be measured is said in the log, and left out.
    """
    rows: dict[int, dict[str, float]] = {}
    for name, table in columns.items():
        if not isinstance(table, LatencyTable) or not archs:
            continue
        try:
            spreads = timed_whole(archs, table, size, Cache(folder), known_only)
        except UserError as error:
            logger.warning('%s of the front is an estimate and not measured: %s', name, error)
            continue
        for slot, spread in spreads.items():
            rows.setdefault(slot, {}).update(
                {
                    f'{name}_measured': spread.median,
                    f'{name}_lower': spread.lower,
                    f'{name}_upper': spread.upper,
                }
            )
    return rows


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: two that time at once would disturb each other."""
    with open(folder / '.timing', 'w') as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError('another process is timing', where=folder) from None
            except OSError:  # a file system without locks: as without `fcntl`
                logger.debug('%s has no locks', folder)
        yield
