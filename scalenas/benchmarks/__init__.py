"""Table benchmarks: every network of a small space with its scores, so that a search takes seconds.

`hr_scenes.load()` reads the one that the package holds.
"""

from . import hr_scenes
from .table import BenchmarkError, TableBenchmark

__all__ = ['BenchmarkError', 'TableBenchmark', 'hr_scenes']
