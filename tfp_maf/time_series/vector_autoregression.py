"""Baselines of time series: vector autoregression, and the last value.

``z_t = b + sum_j A_j z_{t-j} + C known_t + L u_t`` with ``u ~ N(0, I)``: least squares is the
maximum of the likelihood (Luetkepohl 2005, section 3.4), a full covariance included. The weights
are shrunk towards the last value or the mean as far as validation wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from tfp_maf.time_series.innovations import Innovations, regressors
from tfp_maf.time_series.least_squares import ORDERS, PRIORS, Moments, Prior
from tfp_maf.time_series.windows import Stretch, latest


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
    def fit(
        cls, train: Sequence[Stretch], *, order: int, prior: Prior = PRIORS[0]
    ) -> VectorAutoregression:
        """Fit the model of one order and prior in closed form.

        Raises:
            ValueError: If there are too few complete steps.
        """
        return _Regression.of(train, order).model(prior)

    @classmethod
    def of_best_order(
        cls,
        train: Sequence[Stretch],
        validation: Sequence[Stretch],
        *,
        orders: Sequence[int] = ORDERS,
    ) -> VectorAutoregression:
        """Return the model of the order and prior with the best validation log-likelihood.

        Orders that are too long for the series are not tried.

        Raises:
            ValueError: If all of them are.
        """
        models, failures = [], []
        for order in orders:
            try:
                regression = _Regression.of(train, order)
            except ValueError as error:
                failures.append(error)
                continue
            given, wanted = regression.scored_rows(validation)
            for prior in PRIORS:
                model = regression.model(prior)
                models.append((float(model._log_prob(given, wanted).mean()), model))
        if not models:
            raise failures[0]
        return max(models, key=lambda each: each[0])[1]

    def step_log_prob(self, stretch: Stretch) -> np.ndarray:
        """Return log-likelihoods ``[T - first]`` of a stretch's steps, NaN where one has a gap."""
        return self._log_density(self.noise(stretch))

    def _log_prob(self, given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Return log-likelihoods ``[N]`` of complete rows of regressors and targets."""
        errors = (wanted - given @ self.weights).T
        return self._log_density(solve_triangular(self.factor, errors, lower=True).T)

    def _log_density(self, u: np.ndarray) -> np.ndarray:
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


@dataclass(frozen=True)
class _Regression:
    """Regression of one order on training series: regressors ``[N, R]``, targets ``[N, D]``."""

    order: int
    scaling: Innovations
    given: np.ndarray
    wanted: np.ndarray
    moments: Moments

    @classmethod
    def of(cls, train: Sequence[Stretch], order: int) -> _Regression:
        scaling = Innovations.fit(train)
        parts = []
        for stretch in train:
            given, z = _regressors(stretch, scaling, order)
            whole = np.isfinite(z).all(axis=1)
            whole[:order] = False
            parts.append((given[whole], z[whole]))
        given, wanted = (np.concatenate(each) for each in zip(*parts, strict=True))
        rows, size = given.shape
        if rows <= size + wanted.shape[1]:
            raise ValueError(f"{rows} complete steps are too few for an autoregression of {order}")
        return cls(order, scaling, given, wanted, Moments.of(given, wanted))

    def scored_rows(self, stretches: Sequence[Stretch]) -> tuple[np.ndarray, np.ndarray]:
        """Return regressors and targets of the complete steps that stretches score."""
        parts = []
        for stretch in stretches:
            given, z = _regressors(stretch, self.scaling, self.order)
            whole = np.isfinite(z).all(axis=1)
            whole[: stretch.first] = False
            parts.append((given[whole], z[whole]))
        given, wanted = (np.concatenate(each) for each in zip(*parts, strict=True))
        return given, wanted

    def model(self, prior: Prior) -> VectorAutoregression:
        weights = self.moments.weights(prior)
        errors = self.wanted - self.given @ weights
        covariance = errors.T @ errors / len(errors) + 1e-9 * np.eye(errors.shape[1])
        return VectorAutoregression(
            self.order, self.scaling, weights, np.linalg.cholesky(covariance)
        )


def last_value(pasts: np.ndarray, *, steps: int) -> np.ndarray:
    """Return the last value seen as the one path ``[S, 1, steps, D]`` of each past."""
    last = np.stack([latest(past)[-1] for past in pasts])
    return np.repeat(last[:, None, None], steps, axis=2)


def _regressors(
    stretch: Stretch, scaling: Innovations, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return lags, known inputs and a one ``[T, p D + K + 1]``, and standardised values."""
    z = scaling.standardised(stretch.x)
    given = regressors(latest(z), stretch.known, order)
    return np.concatenate([given, np.ones([len(z), 1])], axis=1), z
