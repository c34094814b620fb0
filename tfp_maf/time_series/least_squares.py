"""Least squares with a prior, for vector autoregressions: shrunk towards the last value, or zero.

``min_W |Y - X W|^2 + ridge n |W - W_0|^2``, with ``W_0`` the last value itself or zero, as in the
Minnesota prior (Litterman 1986). Few steps of many columns fit any regression: what it predicts
later is far worse than the last value. So later steps choose the prior and its weight.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

ORDERS = (1, 2, 3, 5, 8, 12, 20, 30)  # numbers of last values that are tried
RIDGES = (1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0)  # in units of a standardised column's variance


@dataclass(frozen=True)
class Prior:
    """Prior of a regression's weights.

    Attributes:
        ridge: its weight.
        persistence: 1 if a column's expected value is its last one, 0 if it is the mean.
    """

    ridge: float = RIDGES[0]
    persistence: float = 0.0


PRIORS = tuple(itertools.starmap(Prior, itertools.product(RIDGES, (1.0, 0.0))))


@dataclass(frozen=True)
class Moments:
    """Sums over rows of regressors X ``[N, R]``, the last values first, and of targets ``[N, D]``.

    Attributes:
        products: ``X^T X``, ``[R, R]``.
        crossed: ``X^T Y``, ``[R, D]``.
        rows: N.
    """

    products: np.ndarray
    crossed: np.ndarray
    rows: int

    @classmethod
    def of(cls, given: np.ndarray, wanted: np.ndarray) -> Moments:
        """Return the sums over rows."""
        return cls(given.T @ given, given.T @ wanted, len(given))

    def weights(self, prior: Prior) -> np.ndarray:
        """Return the weights ``[R, D]``; the last regressor, a one, is not shrunk."""
        size, columns = self.crossed.shape
        ridge = np.full(size, prior.ridge * self.rows)
        ridge[-1] = RIDGES[0] * self.rows
        expected = prior.persistence * np.eye(size, columns)
        left = self.products + np.diag(ridge)
        return np.asarray(np.linalg.solve(left, self.crossed + ridge[:, None] * expected))
