"""Linear innovations: what the last values do not predict linearly, in units of their spread.

``e_t = (z_t - b - A^T z_{t-1}) / s``, of standardised values z. A flow over time has less to learn
of innovations than of values that hardly change from step to step: it starts as a vector
autoregression of order 1, shrunk towards the last value or the mean as far as later steps want. The
map is fitted in closed form, to the past only, and stays fixed; its log-determinant is a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfp_maf.data_prep.splits import Scaler
from tfp_maf.time_series.least_squares import PRIORS, Moments, Prior
from tfp_maf.time_series.windows import latest

LATER = 0.8  # share of the steps before those that choose how far the prediction is shrunk
SMALLEST = 1e-3  # least spread of innovations, in standard deviations of the column


@dataclass(frozen=True)
class Innovations:
    """Map between values ``[T, D]`` of a series and its innovations.

    Attributes:
        mean, scale: standardisation of the columns, float64 ``[D]``.
        matrix, offset, spread: A ``[D, D]``, b ``[D]`` and s ``[D]``.
        farthest: largest ``|e|`` of each column that was fitted to, ``[D]``.
    """

    mean: np.ndarray
    scale: np.ndarray
    matrix: np.ndarray
    offset: np.ndarray
    spread: np.ndarray
    farthest: np.ndarray

    @classmethod
    def identity(cls, event_size: int) -> Innovations:
        """Return the map that leaves values as they are."""
        zeros, ones = np.zeros(event_size), np.ones(event_size)
        matrix = np.zeros([event_size, event_size])
        return cls(zeros, ones, matrix, zeros, ones, np.full(event_size, np.inf))

    @classmethod
    def fit(cls, series: Sequence[np.ndarray], *, linear: bool = True) -> Innovations:
        """Fit the map to series ``[T, D]`` by least squares, NaN being missing values.

        Args:
            series: of the past.
            linear: whether there is a linear prediction, or a standardisation only.

        Raises:
            ValueError: If a column is constant or has no values.
        """
        names = [str(i) for i in range(series[0].shape[1])]
        columns = np.concatenate(series).T
        present = [column[np.isfinite(column)] for column in columns]
        none = [name for name, column in zip(names, present, strict=True) if len(column) < 2]
        if none:
            raise ValueError(f"column {', '.join(none)} (counted from 0) has fewer than two values")
        scaler = Scaler.checked(
            names,
            np.array([column.mean() for column in present]),
            np.array([column.std() for column in present]),
            constant=np.array([(column == column[0]).all() for column in present]),
        )
        found = replace(cls.identity(len(names)), mean=scaler.mean, scale=scaler.scale)
        if linear:
            found = found._with_prediction(series)
        steps = np.concatenate([found.apply(x)[0][1:] for x in series])
        steps = steps[np.isfinite(steps).all(axis=1)]
        return replace(found, farthest=np.abs(steps).max(axis=0)) if len(steps) else found

    def _with_prediction(self, series: Sequence[np.ndarray]) -> Innovations:
        """Return the map with a linear prediction, where there are rows enough."""
        size = len(self.mean)
        before, now, is_later = [], [], []
        for x in series:
            z = self.standardised(x)
            whole = np.isfinite(z[1:]).all(axis=1) & np.isfinite(z[:-1]).all(axis=1)
            before.append(z[:-1][whole])
            now.append(z[1:][whole])
            is_later.append(np.arange(whole.sum()) >= LATER * whole.sum())
        given, wanted = np.concatenate(before), np.concatenate(now)
        if len(given) <= size + 1:
            return self
        ones = np.concatenate([given, np.ones([len(given), 1])], axis=1)
        prior = _best_prior(ones, wanted, np.concatenate(is_later))
        weights = Moments.of(ones, wanted).weights(prior)
        spread = np.maximum((wanted - ones @ weights).std(axis=0), SMALLEST)
        return replace(self, matrix=weights[:-1], offset=weights[-1], spread=spread)

    @property
    def log_det(self) -> float:
        """Log-determinant ``log |de/dx|`` of a step, the same for all."""
        return -float(np.log(self.scale).sum() + np.log(self.spread).sum())

    def standardised(self, x: np.ndarray) -> np.ndarray:
        """Return values ``[..., D]`` in standard units."""
        return (x - self.mean) / self.scale

    def apply(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return innovations of values ``[T, D]``, and the latest standardised value seen.

        An innovation is NaN where its value is missing; the prediction takes the latest values.
        """
        z = self.standardised(x)
        seen = latest(z)
        before = np.concatenate([np.zeros([1, z.shape[1]]), seen[:-1]])
        return (z - self.predicted(before)) / self.spread, seen

    def predicted(self, before: np.ndarray) -> np.ndarray:
        """Return the linear prediction ``[..., D]`` from standardised values of the last step."""
        return before @ self.matrix + self.offset

    def next(self, before: np.ndarray, innovations: np.ndarray) -> np.ndarray:
        """Return the standardised values ``[..., D]`` that have these innovations."""
        return self.predicted(before) + self.spread * innovations

    def in_units(self, z: np.ndarray) -> np.ndarray:
        """Return standardised values ``[..., D]`` in the series' units."""
        return self.mean + self.scale * z


def _best_prior(given: np.ndarray, wanted: np.ndarray, is_later: np.ndarray) -> Prior:
    """Return the prior by which earlier rows predict the later ones best, over all columns."""
    earlier = Moments.of(given[~is_later], wanted[~is_later])

    def loss(prior: Prior) -> float:
        errors = wanted[is_later] - given[is_later] @ earlier.weights(prior)
        return float(np.log((errors**2).mean(axis=0) + SMALLEST**2).sum())

    return min(PRIORS, key=loss)
