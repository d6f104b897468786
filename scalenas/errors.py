"""The one kind of error that is the user's to fix: its message is a single line for them."""

from __future__ import annotations

import reprlib
from typing import Final


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
