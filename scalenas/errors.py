"""The one kind of error that is the user's to fix: its message is a single line for them."""

from __future__ import annotations

import reprlib
import traceback
from typing import Final

LONGEST: Final = 300
"""Letters of a foreign message that are shown: some print a whole config."""


class _Nothing:
    def __repr__(self) -> str:
        return 'NOTHING'


NOTHING: Final = _Nothing()
"""Stands for "no value": None may be what somebody gave."""


class UserError(ValueError):
    """What is wrong, in fields; tools print them as one line and exit.

    `UserError(where='search.budget', got=0, allowed='a mapping of bounds', hint='leave it out')`
    reads ``search.budget: got 0; allowed: a mapping of bounds; leave it out``. A problem that is
    more than a wrong value is told in `problem`, the only argument without a name.

    Attributes:
        where: file, key of a config or option that is wrong; '' where the problem names it.
        got: the value given, `NOTHING` where there is none.
        allowed: what it may be.
        hint: what to do.
    """

    def __init__(
        self,
        problem: str = '',
        *,
        where: object = '',
        got: object = NOTHING,
        allowed: str = '',
        hint: str = '',
    ) -> None:
        self.problem, self.where, self.allowed, self.hint = problem, str(where), allowed, hint
        self.got = got
        parts = [problem] if problem else []
        if got is not NOTHING:
            parts.append(f'got {short(got)}')
        if allowed:
            parts.append(f'allowed: {allowed}')
        if hint:
            parts.append(hint)
        line = '; '.join(parts)
        super().__init__(f'{self.where}: {line}' if self.where else line)


class ConfigError(UserError):
    """A config, or an option of a tool, that makes no run."""


class DataError(UserError):
    """Data that is not where, or not what, the config says."""


class CheckpointError(UserError):
    """A checkpoint that cannot be used."""


class TrainingError(UserError):
    """A run that cannot go on."""


class EvaluationError(UserError):
    """A config, a checkpoint or data that no sub-net can be evaluated with."""


class ExportError(UserError):
    """A choice, a proof or a file that stops an export."""


class _Repr(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write numbers of more than 4,300 digits.
        return super().repr_int(x, level) if x.bit_length() < 10_000 else '<a huge number>'


def short(value: object, limit: int = 60) -> str:
    """The repr of any value in at most `limit` characters, in bounded time.

    A list that holds itself, or a thousand times the same list, has a repr that never ends.
    """
    writer = _Repr()
    writer.maxlevel, writer.maxstring, writer.maxother = 3, limit, limit
    text = ' '.join(writer.repr(value).split())
    return text if len(text) <= limit else f'{text[: limit - 3]}...'


def foreign(error: BaseException) -> str:
    """Kind and text of somebody else's error on one line."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if 'Original Traceback' in text:
        # A worker of a dataloader sends its whole traceback as text; its end says what was wrong.
        return ' '.join(text.strip().splitlines()[-1].split())[:LONGEST]
    if not text.strip():
        # Such as an assertion without words: the line of code says what was asked.
        found = traceback.extract_tb(error.__traceback__)
        text = (found[-1].line or '') if found else ''
    line = ' '.join(text.split())
    line = line if len(line) <= LONGEST else f'{line[:LONGEST]}...'
    return f'{type(error).__name__}: {line}' if line else type(error).__name__
