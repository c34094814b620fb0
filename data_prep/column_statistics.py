"""Statistics of a table's columns, computed in one pass over its chunks.

A table of which two copies would not fit in memory is read twice: once for these statistics, and
once to standardise it, chunk by chunk, into a single float32 array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tfp_maf.data_prep.splits import Scaler

MOST_REPEATS = 5  # of the smallest value, in a column that is not discrete


class ColumnStatistics:
    """Count, mean, covariance and extreme values of the rows ``[N, D]`` seen so far.

    Chunks are merged by ``C = C_a + C_b + d d' n_a n_b / (n_a + n_b)``, where d is the difference
    of their means (Chan, Golub and LeVeque 1983); large means cost no precision.
    """

    def __init__(self, columns: int):
        self.rows = 0
        self.mean = np.zeros(columns)
        self.minimum = np.full(columns, np.inf)
        self.maximum = np.full(columns, -np.inf)
        self.repeats_of_minimum = np.zeros(columns, np.int64)
        self._products = np.zeros([columns, columns])

    def add(self, x: np.ndarray) -> None:
        """Add float64 rows ``[n, D]`` to the statistics."""
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
        """Return the standard deviations ``[D]``."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(np.diag(self._products) / (self.rows - ddof))

    def scaler(self, columns: Sequence[str], places: np.ndarray) -> Scaler:
        """Return a scaler for the columns at ``places``, using deviations with ddof 1.

        Raises:
            ValueError: If a column cannot be standardised; see :meth:`Scaler.checked`.
        """
        return Scaler.checked(
            columns,
            self.mean[places],
            self.deviation(ddof=1)[places],
            constant=self.constant[places],
        )

    @property
    def discrete(self) -> np.ndarray:
        """Mask ``[D]`` of the columns that the paper's authors treat as discrete.

        Their code counts how often a column's smallest value occurs: more than five times means
        that the column is discrete.
        """
        return self.repeats_of_minimum > MOST_REPEATS

    @property
    def constant(self) -> np.ndarray:
        """Mask ``[D]`` of the columns that have only one value."""
        return self.minimum == self.maximum

    @property
    def correlation(self) -> np.ndarray:
        """Pearson correlation matrix ``[D, D]``, NaN for constant columns."""
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
    """Standardise chunks ``[n, D]``, read for the second time, into one float32 array.

    Args:
        chunks: The same chunks as in the first reading, with ``rows`` rows in total.
        scaler: Scaler of the columns at ``places``.
        places: Indices of the columns to keep.
        rows: Total number of rows.
        order: Position of each row in the result; by default, rows keep their order.

    Returns:
        Standardised rows, float32 ``[rows, len(places)]``.
    """
    z = np.empty([rows, len(places)], np.float32)
    start = 0
    for chunk in chunks:
        stop = start + len(chunk)
        into = slice(start, stop) if order is None else order[start:stop]
        z[into] = scaler.standardise(chunk[:, places])
        start = stop
    return z
