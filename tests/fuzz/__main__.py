"""python -m tests.fuzz [DOMAIN ...] [--share 0.1] [--seed 0]"""

import argparse
import sys
import tempfile
from pathlib import Path

from .run import DOMAINS, main

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('domains', nargs='*', metavar='DOMAIN')
parser.add_argument('--share', type=float, default=1.0, help='of the inputs of a whole run')
parser.add_argument('--seed', type=int, default=0)
args = parser.parse_args()
with tempfile.TemporaryDirectory() as folder:
    sys.exit(main(args.domains or list(DOMAINS), args.share, Path(folder), args.seed))
