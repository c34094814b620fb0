"""What a table's columns are like, from one pass over chunks of it.

Tables that would not fit in memory twice are read twice: once for this, once to be standardised,
chunk by chunk, into the float32 array that is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from data_prep.splits import Scaler

MOST_REPEATS = 5  # of a column's smallest value, where it is not discrete


class ColumnStatistics:
    """Count, mean, covariance and smallest values of rows ``[N, D]`` seen so far.

    Chunks are merged by ``C = C_a + C_b + d d' n_a n_b / (n_a + n_b)`` for the difference d of
    their means (Chan, Golub and LeVeque 1983), which loses no digits to large means.
    """

    def __init__(self, columns: int):
        self.rows = 0
        self.mean = np.zeros(columns)
        self.minimum = np.full(columns, np.inf)
        self.maximum = np.full(columns, -np.inf)
        self.repeats_of_minimum = np.zeros(columns, np.int64)
        self._products = np.zeros([columns, columns])

    def add(self, x: np.ndarray) -> None:
        """Sees float64 rows ``[n, D]``."""
        if len(x) == 0:
            return
        mean = x.mean(axis=0)
        difference, total = mean - self.mean, self.rows + len(x)
        centred = x - mean
        self._products += centred.T @ centred
        self._products += np.outer(difference, difference) * (self.rows * len(x) / total)
        self.mean += difference * (len(x) / total)
        self.rows = total
        smallest = x.min(axis=0)
        lower = smallest < self.minimum
        self.minimum = np.minimum(self.minimum, smallest)
        self.repeats_of_minimum[lower] = 0
        self.repeats_of_minimum += (x == self.minimum).sum(axis=0)
        self.maximum = np.maximum(self.maximum, x.max(axis=0))

    def deviation(self, *, ddof: int) -> np.ndarray:
        """Standard deviation ``[D]``."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(np.diag(self._products) / (self.rows - ddof))

    def scaler(self, columns: Sequence[str], places: np.ndarray) -> Scaler:
        """Of the columns at these places, their deviations with ddof 1.

        Raises:
            ValueError: see :meth:`Scaler.checked`.
        """
        return Scaler.checked(
            columns,
            self.mean[places],
            self.deviation(ddof=1)[places],
            constant=self.constant[places],
        )

    @property
    def discrete(self) -> np.ndarray:
        """Which columns' smallest value, the one that the authors count, occurs too often."""
        return self.repeats_of_minimum > MOST_REPEATS

    @property
    def constant(self) -> np.ndarray:
        """Which columns have one value only, ``[D]``."""
        return self.minimum == self.maximum

    @property
    def correlation(self) -> np.ndarray:
        """Pearson's, ``[D, D]``; NaN for constant columns."""
        root = np.sqrt(np.diag(self._products))
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._products / np.outer(root, root)


def standardised(
    chunks: Iterable[np.ndarray],
    scaler: Scaler,
    places: np.ndarray,
    *,
    rows: int,
    order: np.ndarray | None = None,
) -> np.ndarray:
    """The second reading: chunks ``[n, D]`` to the float32 array that is kept.

    Args:
        chunks: as they were seen before, ``rows`` rows in all.
        scaler: of the columns at ``places``.
        places: which columns are kept.
        rows: how many there are.
        order: where each row goes; by default as it comes.
    """
    z = np.empty([rows, len(places)], np.float32)
    start = 0
    for chunk in chunks:
        stop = start + len(chunk)
        into = slice(start, stop) if order is None else order[start:stop]
        z[into] = scaler.standardise(chunk[:, places])
        start = stop
    return z
