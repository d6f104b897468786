"""Say what works in this installation and what does not; exit 1 when something is unusable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scalenas.doctor import main

if __name__ == '__main__':
    sys.exit(main())
