"""What command line tools share: errors of the user are one line, bugs a traceback; timing."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from scalenas.errors import UserError, short

if TYPE_CHECKING:
    from scalenas.evaluation import NetTimer

TIMED_RUNS = 15
OF_THE_MACHINE = frozenset(
    {
        *(errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM),
        *(errno.EROFS, errno.EIO, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EMFILE),
    }
)
"""What a file system may refuse, whatever is asked of it."""


def main_of(main: Callable[[], int | None]) -> NoReturn:
    """Run a tool: exits with its code, 2 after a user's error, 130 after Ctrl-C."""
    try:
        code = main()
    except UserError as error:
        line = ' '.join(str(error).split())
        print(f'error: {line}', file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        # A full disk or a name of 300 letters is nobody's bug; a file that is not there may be.
        if error.errno not in OF_THE_MACHINE:
            raise
        place = '' if error.filename is None else f'{short(str(error.filename))}: '
        print(f'error: {place}{error.strerror}', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print('interrupted; what was written stays', file=sys.stderr)
        sys.exit(130)
    sys.exit(code or 0)


def add_timing(parser: argparse.ArgumentParser, what: str) -> None:
    """The options --measure, --batch and --threads; `what` is done with the device."""
    parser.add_argument('--measure', metavar='DEVICE', help=f'{what}: cpu, cuda or cuda:N')
    parser.add_argument('--batch', type=int, help='with --measure: images of a run (default: 1)')
    parser.add_argument('--threads', type=int, help='with --measure: of the CPU (default: 1)')


def timer_of(args: argparse.Namespace) -> NetTimer | None:
    """What times networks as these options ask; None without --measure.

    Raises:
        UserError: for numbers below 1 or without --measure, or a device that is not there.
    """
    for name in ('batch', 'threads'):
        if getattr(args, name) is not None and (args.measure is None or getattr(args, name) < 1):
            raise UserError(f'--{name}: a whole number >= 1 beside --measure, where it is used')
    if args.measure is None:
        return None
    # The tools that time work without torch otherwise.
    import torch

    from scalenas.evaluation import NetTimer

    torch.set_num_threads(args.threads or 1)
    return NetTimer(args.measure, args.batch or 1, TIMED_RUNS)
