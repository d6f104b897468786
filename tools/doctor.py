"""Say what works in this installation and what does not; exit 1 when something is unusable."""

import sys
from pathlib import Path

# Also where the package is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scalenas.commands import tool

if __name__ == '__main__':
    tool('doctor')
