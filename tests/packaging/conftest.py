"""The bootstrap lies in tools/, outside the package, as it runs before anything is installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tools'))
