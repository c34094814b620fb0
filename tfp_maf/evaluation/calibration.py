"""Calibration of conditional densities: the probability integral transform of held-out rows.

If a conditional is right, ``u = F(x | what comes before)`` of new rows is uniform on (0, 1). A
hump in the middle means that the conditional is too wide, high ends that it is too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

BINS = 20
BAND = 0.95  # of chance, for each bin on its own


@dataclass(frozen=True)
class Calibration:
    """Histogram of ``u`` for one conditional, and its distance from the uniform distribution.

    Attributes:
        counts: rows per bin, int ``[BINS]``.
        low, high: band that a count is in with probability :data:`BAND` if ``u`` is uniform.
        distance: largest difference of both distribution functions (Kolmogorov-Smirnov).
        p_value: probability of such a distance or a larger one if ``u`` is uniform.
    """

    counts: np.ndarray
    low: int
    high: int
    distance: float
    p_value: float

    @classmethod
    def of(cls, noise: np.ndarray) -> Calibration:
        """Evaluate normal scores ``[N]``, those that are finite.

        Raises:
            ValueError: If none is finite.
        """
        u = special.ndtr(np.asarray(noise, np.float64)[np.isfinite(noise)])
        if not len(u):
            raise ValueError("no finite noise to evaluate")
        counts, _ = np.histogram(u, bins=BINS, range=(0, 1))
        low, high = stats.binom.interval(BAND, len(u), 1 / BINS)
        test = stats.kstest(u, "uniform")
        return cls(counts, int(low), int(high), float(test.statistic), float(test.pvalue))

    @property
    def rows(self) -> int:
        """Number of rows that were counted."""
        return int(self.counts.sum())

    @property
    def outside(self) -> int:
        """Number of bins outside of the band."""
        return int(((self.counts < self.low) | (self.counts > self.high)).sum())
