"""Distances of one column of two tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

MISSING = "(missing)"


def distance_of_numbers(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the Kolmogorov-Smirnov distance of numbers ``[N]`` and ``[M]``, NaN left aside.

    None if either has no numbers.
    """
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    return float(stats.ks_2samp(a, b, method="asymp").statistic) if len(a) and len(b) else None


def distance_of_categories(a: pd.Series, b: pd.Series) -> float:
    """Return the total variation distance: half the sum of the shares' absolute differences."""
    shares = pd.concat([shares_of(a), shares_of(b)], axis=1).fillna(0.0)
    return float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2)


def shares_of(cells: pd.Series) -> pd.Series:
    """Return the share of each category, by its text; missing cells are :data:`MISSING`."""
    texts = cells.astype(object).where(cells.notna(), MISSING).map(str)
    return texts.value_counts(normalize=True)
