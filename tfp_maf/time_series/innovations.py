"""Linear innovations: what the last values do not predict linearly, uncorrelated, in their units.

``e_t = L^-1 (z_t - b - sum_j A_j^T z_{t-j} - C^T known_t)``, of standardised values z, and the
Cholesky factor L of the errors' covariance. A flow over time has less to learn of innovations than
of values that hardly change from step to step, repeat with the season, or rise and fall together:
it starts as a vector autoregression, of the order, and shrunk towards the last value or the mean,
as later steps of the past want. The map is fitted in closed form, to the past only, and stays
fixed; its log-determinant is a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

from tfp_maf.data_prep.splits import Scaler
from tfp_maf.time_series.least_squares import PRIORS, Moments, Prior
from tfp_maf.time_series.windows import Stretch, latest

# The two last values tell level and trend. More are for a season that they cannot tell, as the day
# in hourly demand, where the prediction from 30 gains a nat: where it gains .1, as in Air Quality,
# the network cannot make up for what it takes away, and ends .4 nats below.
SHORT = 2
LATER = 0.8  # share of the steps before those that choose order and prior
ROWS_PER_WEIGHT = 2  # of a column, for another order than 1
# Decrease of the logarithm of the mean squared error of a column by which a longer order must be
# better than a shorter one, and a long one than the short ones.
WORTH, WORTH_LONG = 0.01, 0.5
STEPS_PER_LAG = 4  # of a series whose first steps can be left out
MOST_WEIGHTS = 1_000  # of a column: beyond, the equations take longer than the flow
SHRINKAGES = (0.0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0)  # of correlations, that are tried
SMALLEST = 1e-3  # least spread of innovations, in standard deviations of the column


@dataclass(frozen=True)
class Innovations:
    """Map between values ``[T, D]`` of a series and its innovations.

    Attributes:
        mean, scale: standardisation of the columns, float64 ``[D]``.
        order: number p of last values in the prediction; 0 if there is none.
        matrix: weights of the last p values, the latest first, and of known inputs,
            ``[p D + K, D]``.
        offset: b, ``[D]``.
        factor: lower triangular L, ``[D, D]``: a column's innovation is of it and those before it.
        farthest: largest ``|e|`` of each column that was fitted to, ``[D]``.
    """

    mean: np.ndarray
    scale: np.ndarray
    order: int
    matrix: np.ndarray
    offset: np.ndarray
    factor: np.ndarray
    farthest: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", int(self.order))  # an array in a file

    @classmethod
    def identity(cls, event_size: int) -> Innovations:
        """Return the map that leaves values as they are."""
        zeros, ones = np.zeros(event_size), np.ones(event_size)
        none = np.zeros([0, event_size])
        unbounded = np.full(event_size, np.inf)
        return cls(zeros, ones, 0, none, zeros, np.eye(event_size), unbounded)

    @classmethod
    def fit(
        cls, train: Sequence[Stretch], *, orders: Sequence[int] = (), diagonal: bool = False
    ) -> Innovations:
        """Fit the map by least squares.

        Args:
            train: series of the past.
            orders: numbers of last values that the prediction may have; without any, the map is a
                standardisation only.
            diagonal: whether the innovations keep their correlations, L being diagonal.

        Raises:
            ValueError: If a column is constant or has no values.
        """
        names = [str(i) for i in range(train[0].x.shape[1])]
        columns = np.concatenate([stretch.x for stretch in train]).T
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
        if orders:
            found = found._with_prediction(train, orders, diagonal=diagonal)
        steps = np.concatenate(
            [found.apply(s)[0][first_fitted(len(s.x), found.order) :] for s in train]
        )
        steps = steps[np.isfinite(steps).all(axis=1)]
        return replace(found, farthest=np.abs(steps).max(axis=0)) if len(steps) else found

    def _with_prediction(
        self, train: Sequence[Stretch], orders: Sequence[int], *, diagonal: bool
    ) -> Innovations:
        """Return the map with the linear prediction of the best order, if there are rows enough."""
        best, of_short, chosen = np.inf, np.inf, None
        for order in sorted(orders):
            given, wanted, is_later = self._rows(train, order)
            rows, size = given.shape
            least = size if order == 1 else ROWS_PER_WEIGHT * size
            if rows <= least or (order > 1 and size > MOST_WEIGHTS):
                break
            loss, prior = _best_prior(given, wanted, is_later)
            needed = best - WORTH * len(self.mean)
            if order > SHORT:
                needed = min(needed, of_short - WORTH_LONG * len(self.mean))
            else:
                of_short = min(of_short, loss)
            if loss < needed:
                best, chosen = loss, (order, prior, given, wanted, is_later)
        if chosen is None:
            return self
        order, prior, given, wanted, is_later = chosen
        weights = Moments.of(given, wanted).weights(prior)
        shrinkage = 1.0 if diagonal else _best_shrinkage(given, wanted, is_later, prior)
        factor = factor_of(wanted - given @ weights, shrinkage=shrinkage)
        return replace(self, order=order, matrix=weights[:-1], offset=weights[-1], factor=factor)

    def _rows(
        self, train: Sequence[Stretch], order: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return regressors and a one ``[N, R]``, targets ``[N, D]``, and which are later ones."""
        parts = []
        for stretch in train:
            z = self.standardised(stretch.x)
            whole = np.isfinite(z).all(axis=1)
            whole[: first_fitted(len(z), order)] = False
            given = regressors(latest(z), stretch.known, order)[whole]
            is_later = np.arange(len(given)) >= LATER * len(given)
            parts.append((given, z[whole], is_later))
        given, wanted, is_later = (np.concatenate(each) for each in zip(*parts, strict=True))
        if not is_later.any():  # of very short series, the last ones choose
            is_later = np.arange(len(given)) >= LATER * len(given)
        return np.concatenate([given, np.ones([len(given), 1])], axis=1), wanted, is_later

    @property
    def log_det(self) -> float:
        """Log-determinant ``log |de/dx|`` of a step, the same for all."""
        return -float(np.log(self.scale).sum() + np.log(np.diag(self.factor)).sum())

    def standardised(self, x: np.ndarray) -> np.ndarray:
        """Return values ``[..., D]`` in standard units."""
        return (x - self.mean) / self.scale

    def apply(self, stretch: Stretch) -> tuple[np.ndarray, np.ndarray]:
        """Return innovations ``[T, D]``, and the latest standardised value seen.

        An innovation is NaN where its value is missing; the prediction takes the latest values,
        and the innovations of later columns are those of an expected value.
        """
        z = self.standardised(stretch.x)
        seen = latest(z)
        predicted = self.predicted(regressors(seen, stretch.known, self.order))
        errors = np.where(np.isfinite(z), z - predicted, 0.0)
        innovations = solve_triangular(self.factor, errors.T, lower=True).T
        return np.where(np.isfinite(z), innovations, np.nan), seen

    def predicted(self, given: np.ndarray) -> np.ndarray:
        """Return the linear prediction ``[N, D]`` from :func:`regressors`, ``[N, p D + K]``."""
        predicted = given @ self.matrix if self.order else np.zeros([len(given), len(self.offset)])
        return predicted + self.offset

    def next(self, given: np.ndarray, innovations: np.ndarray) -> np.ndarray:
        """Return the standardised values ``[N, D]`` that have these innovations."""
        return self.predicted(given) + innovations @ self.factor.T

    def in_units(self, z: np.ndarray) -> np.ndarray:
        """Return standardised values ``[..., D]`` in the series' units."""
        return self.mean + self.scale * z


def regressors(seen: np.ndarray, known: np.ndarray, order: int) -> np.ndarray:
    """Return the last values of each step, the latest first, and known inputs, ``[T, p D + K]``.

    Before a series its values are taken to have been as at its first step, whose own last values
    are zeros.

    Args:
        seen: latest standardised values, ``[T, D]``.
        known: inputs ``[T, K]``.
        order: number of last values p.
    """
    padded = np.concatenate([np.repeat(seen[:1], order, axis=0), seen])
    lags = [padded[order - 1 - j : order - 1 - j + len(seen)] for j in range(order)]
    given = np.concatenate([*lags, known], axis=1)
    given[0, : order * seen.shape[1]] = 0
    return given


def first_fitted(count: int, order: int) -> int:
    """Return the number of first steps that are not fitted to: their last values are not known.

    A short series is fitted to from its second step on.
    """
    return max(1, order) if count >= STEPS_PER_LAG * order else 1


def factor_of(errors: np.ndarray, *, shrinkage: float) -> np.ndarray:
    """Return the Cholesky factor ``[D, D]`` of the covariance of errors ``[N, D]``.

    Args:
        errors: of the prediction.
        shrinkage: fraction by which correlations are smaller; 1 for a diagonal factor.
    """
    spread = np.maximum(errors.std(axis=0), SMALLEST)
    scaled = errors / spread
    correlation = (1 - shrinkage) * scaled.T @ scaled / len(errors)
    ridge = max(shrinkage, SMALLEST**2) * np.eye(len(spread))
    return spread[:, None] * np.linalg.cholesky(correlation + ridge)


def _best_shrinkage(
    given: np.ndarray, wanted: np.ndarray, is_later: np.ndarray, prior: Prior
) -> float:
    """Return the shrinkage by which the errors of earlier rows make those of later ones likely."""
    weights = Moments.of(given[~is_later], wanted[~is_later]).weights(prior)
    errors = wanted - given @ weights

    def loss(shrinkage: float) -> float:
        factor = factor_of(errors[~is_later], shrinkage=shrinkage)
        u = solve_triangular(factor, errors[is_later].T, lower=True)
        return float(0.5 * (u**2).sum(axis=0).mean() + np.log(np.diag(factor)).sum())

    return min(SHRINKAGES, key=loss)


def _best_prior(given: np.ndarray, wanted: np.ndarray, is_later: np.ndarray) -> tuple[float, Prior]:
    """Return the loss of later rows as earlier ones predict them, and the prior of the least."""
    earlier = Moments.of(given[~is_later], wanted[~is_later])

    def loss(prior: Prior) -> float:
        errors = wanted[is_later] - given[is_later] @ earlier.weights(prior)
        return float(np.log((errors**2).mean(axis=0) + SMALLEST**2).sum())

    return min(((loss(prior), prior) for prior in PRIORS), key=lambda each: each[0])
