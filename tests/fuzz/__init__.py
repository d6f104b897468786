"""Generated inputs, good and bad, for everything that reads what a user wrote.

`python -m tests.fuzz` runs them all and prints the table of docs/reliability.md. A domain is a
module of this folder with a function `cases(rng, folder)`, listed in `DOMAINS`.
"""

from .case import Case, Outcome
from .run import DOMAINS, run

__all__ = ['DOMAINS', 'Case', 'Outcome', 'run']
