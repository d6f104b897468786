"""What networks will score, guessed by those that were evaluated: ranks, a learner, its doubt.

The learner is scikit-learn's Gaussian process on sums of groups of genes (`GeneMatrix.features`)
and the costs: a linear part, and a smooth one for what genes do together. A metric is learned by
its normal scores, so that its unit and its outliers do not matter; a guess is brought back to the
metric's unit along the values that were seen.

Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), algorithm 2.1 and
section 5.4.1, for the learner.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scalenas.complexity import Cost

from .gene_matrix import GeneMatrix, Rows, Table
from .objectives import Objectives
from .record import Record, SearchError

DIGITS = 6  # of a normal score: where processors differ must not decide
COST_SHARE = 0.5  # of a column's deviation against that of all genes together
NODES = 4  # ways in which a guess may come out
MOST_TRAINED = 1_000  # networks, the newest
MOST_TUNED = 200  # of these, spread evenly, by which the kernel is chosen


def check_installed() -> None:
    """Pass where scikit-learn is installed.

    Raises:
        SearchError: where it is not.
    """
    try:
        import sklearn.gaussian_process  # noqa: F401
    except ImportError as error:
        raise SearchError(
            f'needs scikit-learn ({error})',
            where='search.algorithm.type',
            got='predictor',
            hint='pip install scikit-learn, or take nsga2',
        ) from None


class Learned:
    """Normal scores of some values as a function of features, and back to values.

    Args:
        features: of shape (networks, features).
        values: one for each network.
    """

    def __init__(self, features: Table, values: Sequence[float]) -> None:
        from scipy.stats import rankdata
        from threadpoolctl import threadpool_limits

        scores = normal_quantiles(len(values), rankdata(values))
        order = np.argsort(scores, kind='stable')
        self._scores, self._values = scores[order], np.asarray(values, float)[order]
        self._center = features.mean(axis=0)
        with threadpool_limits(1):
            # Turned into the directions in which networks differ: all products and distances stay.
            left, sizes, right = np.linalg.svd(features - self._center, full_matrices=False)
            kept = sizes > 1e-9 * max(1.0, float(sizes.max(initial=0.0)))
            self._axes = right[kept].T
            self._fixed = not kept.any() or self._scores[0] == self._scores[-1]
            if not self._fixed:
                inside = left[:, kept] * sizes[kept]
                self._process = _process(np.pad(inside, ((0, 0), (0, 1))), scores)

    def guess(self, features: Table) -> tuple[Table, Table]:
        """Normal scores and their standard deviations, without the noise of one evaluation."""
        from threadpoolctl import threadpool_limits

        if self._fixed:  # all are equal, so nothing is known but that
            return np.zeros(len(features)), np.ones(len(features))
        with threadpool_limits(1):
            centered = features - self._center
            inside = centered @ self._axes
            beyond = np.maximum((centered**2).sum(axis=1) - (inside**2).sum(axis=1), 0.0)
            turned = np.concatenate([inside, np.sqrt(beyond)[:, None]], axis=1)
            mean, deviation = self._process.predict(turned, return_std=True)
        noise = self._process.kernel_.k2.noise_level
        spread = np.sqrt(np.maximum(deviation**2 - noise, 0.0))
        return np.round(mean, DIGITS), np.round(spread, DIGITS)

    def values(self, scores: Table) -> Table:
        """Normal scores in the unit of the values; beyond the ends as the nearest fifth runs."""
        x, y = self._scores, self._values
        found = np.interp(scores, x, y)
        fifth = max(1, len(x) // 5)
        for end, other in ((0, fifth), (-1, -1 - fifth)):
            run = x[end] - x[other]
            slope = (y[end] - y[other]) / run if run else 0.0
            outside = scores < x[0] if end == 0 else scores > x[-1]
            found = np.where(outside, y[end] + slope * (scores - x[end]), found)
        return np.asarray(found)


def _process(inputs: Table, scores: Table) -> Any:
    """A Gaussian process whose kernel has the most likely parameters, rounded."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    linear = ConstantKernel(1.0, (1e-3, 1e3)) * DotProduct(0.0, sigma_0_bounds='fixed')
    smooth = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(1.0, (0.1, 30.0))
    kernel = linear + smooth + WhiteKernel(0.05, (1e-4, 1.0))
    few = np.unique(np.linspace(0, len(inputs) - 1, min(MOST_TUNED, len(inputs))).astype(int))
    with warnings.catch_warnings():
        # A parameter at a bound is an answer: this part of the kernel explains nothing.
        warnings.simplefilter('ignore', ConvergenceWarning)
        kernel = GaussianProcessRegressor(kernel).fit(inputs[few], scores[few]).kernel_
    kernel = kernel.clone_with_theta(np.round(kernel.theta, 2))
    return GaussianProcessRegressor(kernel, optimizer=None).fit(inputs, scores)


class Surrogate:
    """The metrics of an `Objectives`, learned from records."""

    def __init__(
        self, matrix: GeneMatrix, objectives: Objectives, records: Sequence[Record]
    ) -> None:
        self._matrix, self._objectives = matrix, objectives
        records = records[-MOST_TRAINED:]
        self.trained = len(records)
        rows = matrix.rows(record.arch for record in records)
        genes, columns = matrix.features(rows), _columns([record.cost for record in records])
        self._genes = genes.mean(axis=0)
        self._size = float(np.sqrt(((genes - self._genes) ** 2).sum(axis=1).mean())) or 1.0
        self._columns = columns.mean(axis=0)
        deviation = columns.std(axis=0)
        self._deviation = np.where(deviation > 0.0, deviation, 1.0)
        features = self._features(rows, [record.cost for record in records])
        self._learned = {
            o.name: Learned(features, [record.metrics[o.name] for record in records])
            for o in objectives.metrics
        }

    def _features(self, rows: Rows, costs: Sequence[Cost]) -> Table:
        genes = (self._matrix.features(rows) - self._genes) / self._size
        columns = (_columns(costs) - self._columns) / self._deviation
        return np.concatenate([genes, COST_SHARE * columns], axis=1)

    def scores(self, rows: Rows, costs: Sequence[Cost]) -> Mapping[str, Table]:
        """Guessed normal scores by metric; more is a larger value of the metric."""
        features = self._features(rows, costs)
        return {name: learned.guess(features)[0] for name, learned in self._learned.items()}

    def points(self, rows: Rows, costs: Sequence[Cost], ways: Mapping[str, Table]) -> Table:
        """Losses as `Objectives.points` has them, of shape (ways, networks, objectives).

        Args:
            ways: for each metric how many standard deviations it lies above the guess, in each way.
        """
        features = self._features(rows, costs)
        count = max((len(z) for z in ways.values()), default=1)
        found = np.empty((count, len(rows), len(self._objectives)))
        for axis, objective in enumerate(self._objectives.by_cost):
            sign = -1.0 if objective.direction == 'max' else 1.0
            if objective.is_column:
                found[:, :, axis] = [sign * float(cost[objective.name]) for cost in costs]
                continue
            learned = self._learned[objective.name]
            mean, spread = learned.guess(features)
            for way, z in enumerate(ways[objective.name]):
                found[way, :, axis] = sign * learned.values(mean + z * spread)
        return found

    def ways(self, draw: np.random.Generator) -> dict[str, Table]:
        """Evenly likely ways: one metric in order, each further one in an order of its own."""
        metrics = self._objectives.metrics
        count = NODES * (1 if len(metrics) < 2 else 2)
        nodes = normal_quantiles(count, np.array(range(1, count + 1), float))
        return {o.name: nodes if i == 0 else draw.permutation(nodes) for i, o in enumerate(metrics)}

    def middle(self) -> dict[str, Table]:
        """The one way in which all comes out as guessed."""
        return {o.name: np.zeros(1) for o in self._objectives.metrics}


def normal_quantiles(count: int, ranks: Table) -> Table:
    """Normal scores of ranks 1 to `count`, by Blom's (rank - 3/8) / (count + 1/4)."""
    from scipy.special import ndtri

    return np.asarray(ndtri((ranks - 0.375) / (count + 0.25)))


def tau(guessed: Sequence[float] | Table, seen: Sequence[float]) -> float:
    """Kendall's tau-b; 0 where one side is constant, or of fewer than two."""
    from scipy.stats import kendalltau

    found = float(kendalltau(guessed, seen).statistic) if len(seen) > 1 else 0.0
    return found if np.isfinite(found) else 0.0


def _columns(costs: Sequence[Cost]) -> Table:
    return np.array([[float(value) for value in cost.values()] for cost in costs])
