"""What can be wrong with what a run is asked to be: its config, or the data that it names."""

from __future__ import annotations

import traceback

from scalenas.errors import UserError

LONGEST = 300
"""Letters of a foreign message that are shown: some print a whole config."""


class ConfigError(UserError):
    """A config, or an option of a tool, that makes no run."""


class DataError(UserError):
    """Data that is not where the config says."""


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
