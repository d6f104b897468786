"""One generated input, and what came of it."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType

from scalenas.errors import UserError

LIMIT = 20
"""Seconds of a processor that an answer may take; waiting, three times as many on the clock."""

CLOCKS = {signal.ITIMER_PROF: signal.SIGPROF, signal.ITIMER_REAL: signal.SIGALRM}


class Outcome(StrEnum):
    """What an input ends in; the last four are faults of ours."""

    ACCEPTED = 'accepted'
    REFUSED = 'refused in one line'
    SILENT = 'accepted though wrong'
    FALSE_ALARM = 'refused though right'
    TRACEBACK = 'traceback'
    HANG = 'hang'

    @property
    def is_fault(self) -> bool:
        return self not in (Outcome.ACCEPTED, Outcome.REFUSED)


@dataclass(frozen=True)
class Case:
    """An input, what reads it, and whether it is known to be wrong.

    `run` raises a UserError of one line to refuse. `wrong` is None where neither answer is a
    fault, such as a mutated file that may have stayed good.
    """

    name: str
    run: Callable[[], object]
    wrong: bool | None

    def outcome(self, limit: int = LIMIT) -> tuple[Outcome, str]:
        """What comes of it, with the message; runs in the main thread of a process."""
        # A busy machine makes nothing hang, hence two clocks.
        before = {number: signal.signal(number, _stop) for number in CLOCKS.values()}
        signal.setitimer(signal.ITIMER_PROF, limit)
        signal.setitimer(signal.ITIMER_REAL, 3 * limit)
        try:
            self.run()
        except UserError as error:
            text = str(error)
            if '\n' in text or not text.strip():
                return Outcome.TRACEBACK, f'not one line: {text!r}'
            return (Outcome.FALSE_ALARM if self.wrong is False else Outcome.REFUSED), text
        except _Late:
            return Outcome.HANG, f'no answer within {limit} s'
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return Outcome.TRACEBACK, ''.join(traceback.format_exception(error)[-3:])
        finally:
            for clock, number in CLOCKS.items():
                signal.setitimer(clock, 0)
                signal.signal(number, before[number])
        return (Outcome.SILENT if self.wrong else Outcome.ACCEPTED), ''


class _Late(BaseException):
    """No `except Exception` on the way may take it for an answer."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Late
