"""What every command line tool shares: errors of the user are one line, bugs a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from scalenas.errors import UserError


def main_of(main: Callable[[], int | None]) -> NoReturn:
    """Run a tool: exits with its code, 2 after a user's error, 130 after Ctrl-C."""
    try:
        code = main()
    except UserError as error:
        line = ' '.join(str(error).split())
        print(f'error: {line}', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print('interrupted; what was written stays', file=sys.stderr)
        sys.exit(130)
    sys.exit(code or 0)
