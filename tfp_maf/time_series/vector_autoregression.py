"""Baselines of time series: vector autoregression, and the last value.

``z_t = b + sum_j A_j z_{t-j} + C known_t + L u_t`` with ``u ~ N(0, I)``: least squares is the
maximum of the likelihood (Luetkepohl 2005, section 3.4), a full covariance included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from tfp_maf.time_series.innovations import Innovations
from tfp_maf.time_series.windows import Stretch, latest

ORDERS = (1, 2, 3, 5, 8, 12, 20, 30)
RIDGE = 1e-6


@dataclass(frozen=True)
class VectorAutoregression:
    """Gaussian vector autoregression with inputs known beforehand.

    Attributes:
        order: number of lags p.
        scaling: standardisation of the columns.
        weights: ``[p D + K + 1, D]``: of the lags, the latest first, known inputs and a one.
        factor: Cholesky factor of the covariance, ``[D, D]``.
    """

    order: int
    scaling: Innovations
    weights: np.ndarray
    factor: np.ndarray

    @classmethod
    def fit(cls, train: Sequence[Stretch], *, order: int) -> VectorAutoregression:
        """Fit the model of one order in closed form.

        Raises:
            ValueError: If there are too few complete steps.
        """
        scaling = Innovations.fit([s.x for s in train], linear=False)
        products, crossed, rows = 0.0, 0.0, 0
        kept = []
        for stretch in train:
            given, z = _regressors(stretch, scaling, order)
            whole = np.isfinite(z).all(axis=1)
            whole[:order] = False
            given, z = given[whole], z[whole]
            products, crossed = products + given.T @ given, crossed + given.T @ z
            rows += len(z)
            kept.append((given, z))
        size = kept[0][0].shape[1]
        if rows <= size + scaling.mean.shape[0]:
            raise ValueError(f"{rows} complete steps are too few for an autoregression of {order}")
        weights = np.linalg.solve(products + RIDGE * rows * np.eye(size), crossed)
        errors = np.concatenate([z - given @ weights for given, z in kept])
        covariance = errors.T @ errors / rows + 1e-9 * np.eye(errors.shape[1])
        return cls(order, scaling, weights, np.linalg.cholesky(covariance))

    @classmethod
    def of_best_order(
        cls,
        train: Sequence[Stretch],
        validation: Sequence[Stretch],
        *,
        orders: Sequence[int] = ORDERS,
    ) -> VectorAutoregression:
        """Return the model of the order with the best validation log-likelihood.

        Orders that are too long for the series are not tried.

        Raises:
            ValueError: If all of them are.
        """
        models, failures = [], []
        for order in orders:
            try:
                models.append(cls.fit(train, order=order))
            except ValueError as error:
                failures.append(error)
        if not models:
            raise failures[0]

        def score(model: VectorAutoregression) -> float:
            return float(np.nanmean(np.concatenate([model.step_log_prob(s) for s in validation])))

        return max(models, key=score)

    def step_log_prob(self, stretch: Stretch) -> np.ndarray:
        """Return log-likelihoods ``[T - first]`` of a stretch's steps, NaN where one has a gap."""
        u = self.noise(stretch)
        log_det = np.log(np.diag(self.factor)).sum() - self.scaling.log_det
        return -0.5 * (u**2).sum(axis=1) - 0.5 * u.shape[1] * np.log(2 * np.pi) - log_det

    def noise(self, stretch: Stretch) -> np.ndarray:
        """Return the noise ``u`` ``[T - first, D]``, standard normal if the model is right."""
        given, z = _regressors(stretch, self.scaling, self.order)
        errors = (z - given @ self.weights)[stretch.first :]
        found = np.full(errors.shape, np.nan)
        whole = np.isfinite(errors).all(axis=1)
        found[whole] = solve_triangular(self.factor, errors[whole].T, lower=True).T
        return found

    def sample_paths(
        self, pasts: np.ndarray, known: np.ndarray, *, steps: int, paths: int, seed: int
    ) -> np.ndarray:
        """Draw ``[S, paths, steps, D]``; see :func:`tfp_maf.time_series.sampling.sample_paths`."""
        rng = np.random.default_rng(seed)
        count, length, size = pasts.shape
        z = np.stack([latest(self.scaling.standardised(past)) for past in pasts])
        lags = [z[:, length - 1 - j] if j < length else 0 * z[:, 0] for j in range(self.order)]
        lags = [np.repeat(lag, paths, axis=0) for lag in lags]
        drawn = []
        for t in range(steps):
            inputs = np.repeat(known[:, length + t], paths, axis=0)
            given = np.concatenate([*lags, inputs, np.ones([len(inputs), 1])], axis=1)
            noise = rng.standard_normal([len(inputs), size])
            now = given @ self.weights + noise @ self.factor.T
            lags = [now, *lags[:-1]]
            drawn.append(self.scaling.in_units(now))
        return np.stack(drawn, axis=1).reshape(count, paths, steps, size)


def last_value(pasts: np.ndarray, *, steps: int) -> np.ndarray:
    """Return the last value seen as the one path ``[S, 1, steps, D]`` of each past."""
    last = np.stack([latest(past)[-1] for past in pasts])
    return np.repeat(last[:, None, None], steps, axis=2)


def _regressors(
    stretch: Stretch, scaling: Innovations, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return lags, known inputs and a one ``[T, p D + K + 1]``, and standardised values."""
    z = scaling.standardised(stretch.x)
    seen = latest(z)
    padded = np.concatenate([np.zeros([order, z.shape[1]]), seen])
    lags = [padded[order - 1 - j : order - 1 - j + len(z)] for j in range(order)]
    return np.concatenate([*lags, stretch.known, np.ones([len(z), 1])], axis=1), z
