"""Table benchmarks: the networks of a small space with their scores: a search takes seconds."""

from .table import BenchmarkError, TableBenchmark

__all__ = ['BenchmarkError', 'TableBenchmark']
