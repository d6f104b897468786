"""The one kind of error that is the user's to fix: its message is a single line for them."""

from __future__ import annotations

import difflib
import itertools
import reprlib
import traceback
from collections.abc import Collection, Sequence
from typing import Final, Self, TypeVar

_MOST_LETTERS = 90  # of a line that says what is allowed

LONGEST: Final = 300
"""Letters of a foreign message that are shown: some print a whole config."""


class _Nothing:
    def __repr__(self) -> str:
        return 'NOTHING'


NOTHING: Final = _Nothing()
"""Stands for "no value": None may be what somebody gave."""


class UserError(ValueError):
    """What is wrong, in fields; tools print them as one line and exit.

    `UserError(where='search.num_total', got=0, allowed='a whole number >= 1', hint='leave it out')`
    reads ``search.num_total: expected a whole number >= 1, got 0; leave it out``. A problem that is
    more than a wrong value is said in `problem`, the only argument without a name.

    Attributes:
        problem: what is wrong, where the other fields do not say it.
        where: file, key of a config or option that is wrong; '' where the problem names it.
        got: the value given, `NOTHING` where there is none.
        allowed: what it may be: a phrase, or the values themselves, of which a word that was
            given gets the nearest as hint.
        hint: what to do.
    """

    def __init__(
        self,
        problem: str = '',
        *,
        where: object = '',
        got: object = NOTHING,
        allowed: str | Collection[object] = '',
        hint: str = '',
    ) -> None:
        super().__init__(problem)
        self.problem, self.where, self.got = problem, str(where), got
        if not isinstance(allowed, str):
            allowed = tuple(allowed)
            hint = hint or did_you_mean(got, allowed)
        self.allowed, self.hint = allowed, hint

    def __str__(self) -> str:
        wanted = self.allowed if isinstance(self.allowed, str) else one_of(self.allowed)
        parts = [f'expected {wanted}'] if wanted else []
        if self.got is not NOTHING:
            parts.append(f'got {short(self.got)}')
        line = '; '.join(filter(None, [self.problem, ', '.join(parts), self.hint]))
        return f'{self.where}: {line}' if self.where else line

    def within(self, where: object) -> Self:
        """The same error, of a part of `where`: its place begins with it."""
        self.where = f'{where}.{self.where}' if self.where else str(where)
        return self

    def of(self, file: object) -> Self:
        """The same error, in a file, or in what a key names: its place begins with that."""
        self.where = f'{file}: {self.where}' if self.where else str(file)
        return self


E = TypeVar('E', bound=UserError)


def unreadable(
    path: object, error: Exception, kind: type[E], allowed: str = '', hint: str = ''
) -> E:
    """The error for a file that could not be opened or read."""
    if isinstance(error, FileNotFoundError):
        problem = 'no such file'
    else:
        reason = error.strerror if isinstance(error, OSError) else None
        problem = f'cannot be read: {reason or foreign(error)}'
    return kind(problem, where=path, allowed=allowed, hint=hint)


def unwritable(path: object, error: OSError, kind: type[E], hint: str = '') -> E:
    """The error for a file that could not be written, or a folder that takes none."""
    problem = f'cannot be written: {error.strerror or foreign(error)}'
    return kind(problem, where=path, hint=hint)


def one_of(values: Sequence[object]) -> str:
    """`"a or b"`, `"one of a, b, c"`: words as they are, anything else as Python writes it."""
    words: list[str] = []
    for value in values:
        words.append(value if isinstance(value, str) else short(value))
        if len(words) < len(values) and sum(map(len, words)) > _MOST_LETTERS:
            words.append(f'... ({len(values):,} in all)')
            break
    return f'one of {", ".join(words)}' if len(words) > 2 else ' or '.join(words)


def did_you_mean(word: object, known: Collection[object]) -> str:
    """`"did you mean 'x'?"` for the nearest known word, or nothing."""
    if not isinstance(word, str):
        return ''
    # The genes of a space may be many, and each comparison takes some microseconds.
    words = [other for other in itertools.islice(known, 2000) if isinstance(other, str)]
    near = difflib.get_close_matches(word[:200], words, n=1)
    return f"did you mean '{near[0]}'?" if near else ''


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
        frames = traceback.extract_tb(error.__traceback__)
        text = (frames[-1].line or '') if frames else ''
    line = ' '.join(text.split())
    line = line if len(line) <= LONGEST else f'{line[:LONGEST]}...'
    return f'{type(error).__name__}: {line}' if line else type(error).__name__
