"""Distance of samples to the rows that a model was trained on, beside that of held-out rows.

A model that repeats its training rows draws samples that are nearer to them than new rows of the
same table are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

LEVEL = 0.05


@dataclass(frozen=True)
class Privacy:
    """Euclidean distances to the nearest training row.

    Attributes:
        samples: of the samples ``[N]``.
        held_out: of held-out rows ``[M]``.
        copied_samples, copied_held_out: shares of both that equal a training row in all columns.
    """

    samples: np.ndarray
    held_out: np.ndarray
    copied_samples: float
    copied_held_out: float

    @property
    def threshold(self) -> float:
        """Distance that a share :data:`LEVEL` of the held-out rows is below."""
        return float(np.quantile(self.held_out, LEVEL))

    @property
    def share_closer(self) -> float:
        """Share of the samples that are closer to a training row than :attr:`threshold`."""
        return float((self.samples < self.threshold).mean())

    @property
    def held_out_closer(self) -> float:
        """The same share of the held-out rows: :data:`LEVEL`, but where distances are equal."""
        return float((self.held_out < self.threshold).mean())


def nearest(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the distance of each row ``[N, D]`` to the nearest training row, ``[N]``.

    Raises:
        ValueError: If a value is not finite, or there are no rows.
    """
    # Brute force, the default for many columns, rounds: equal rows would not be at distance 0.
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(train)
    distances, _ = neighbours.kneighbors(rows)
    return distances[:, 0]


def copied(train: pd.DataFrame, rows: pd.DataFrame) -> float:
    """Return the share of rows that equal a training row in all columns."""
    hashes = [pd.util.hash_pandas_object(_texts(each), index=False) for each in (train, rows)]
    return float(hashes[1].isin(hashes[0]).mean())


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return cells as texts: a column without missing cells has another type than with them."""
    return pd.DataFrame({i: frame.iloc[:, i].astype(str) for i in range(frame.shape[1])})
