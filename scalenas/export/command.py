"""The command line that an export remembers: what decides over the content of its files."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

ONLY_FILES = ('--force', '--standalone', '--onnx')
"""They decide which files are written, not what stands in the others."""


def recorded(tool: str, arguments: Sequence[str]) -> str:
    """One shell line; given again, with more files or fewer, it writes equal ones."""
    return shlex.join([tool, *(word for word in arguments if word not in ONLY_FILES)])
