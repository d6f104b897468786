"""python -m tests.reliability NAME [options of NAME]; NAME is a module of this folder."""

import sys
from importlib import import_module
from pathlib import Path

# Read and not imported: each brings its own heavy packages.
NAMES = sorted(
    path.stem
    for path in Path(__file__).parent.glob('*.py')
    if '\ndef main(argv' in path.read_text(encoding='utf-8')
)

if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f'usage: python -m tests.reliability {{{",".join(NAMES)}}} [options]')
    sys.exit(import_module(f'{__package__}.{sys.argv[1]}').main(sys.argv[2:]))
