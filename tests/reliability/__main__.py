"""python -m tests.reliability NAME [OPTION ...]: runs main(OPTIONS) of a module of this folder."""

import sys
from importlib import import_module
from pathlib import Path

HELPERS = ('__init__', '__main__', 'victim')
NAMES = sorted(
    path.stem
    for path in Path(__file__).parent.glob('*.py')
    if path.stem not in HELPERS and not path.stem.startswith('test_')
)

if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f'usage: python -m tests.reliability {{{",".join(NAMES)}}} [--help]')
    sys.exit(import_module(f'tests.reliability.{sys.argv[1]}').main(sys.argv[2:]))
