"""Baseline densities to compare a flow with: standard normal, Gaussian, Gaussian mixture.

The full-covariance Gaussian is the first row of table 1 of Papamakarios et al. 2017 (arXiv
1705.07057).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian import moments
from tfp_maf.flows.gaussian_mixture import COMPONENTS, FLOORS, fit_gaussian_mixture


def standard_normal(x: np.ndarray, *, log_det: Any = 0.0) -> Evaluation:
    """Evaluate ``N(0, I)``, the base distribution of the flows, on rows ``[N, D]``.

    Args:
        x: rows to evaluate on.
        log_det: what is added to each row's log-density, ``[N]``.
    """
    x = np.asarray(x, np.float64)
    constant = 0.5 * x.shape[1] * np.log(2 * np.pi)
    return Evaluation.of(-0.5 * (x**2).sum(axis=1) - constant + log_det)


def gaussian(train: np.ndarray, x: np.ndarray, *, log_det: Any = 0.0) -> Evaluation:
    """Fit a full-covariance Gaussian to ``train`` by maximum likelihood, and evaluate it on ``x``.

    ``log p(x) = -1/2 (x - m)' S^-1 (x - m) - 1/2 log |2 pi S|``.

    Args:
        train: rows ``[M, D]`` to fit to.
        x: rows ``[N, D]`` to evaluate on.
        log_det: what is added to each row's log-density, ``[N]``.

    Raises:
        ValueError: the covariance is singular, as some columns are linear combinations of others.
    """
    train, x = np.asarray(train, np.float64), np.asarray(x, np.float64)
    mean, factor = moments(train)
    whitened = np.linalg.solve(factor, (x - mean).T)
    stretch = np.log(np.diag(factor)).sum()
    constant = 0.5 * x.shape[1] * np.log(2 * np.pi)
    return Evaluation.of(-0.5 * (whitened**2).sum(axis=0) - stretch - constant + log_det)


def gaussian_mixture(
    train: np.ndarray, validation: np.ndarray, *, components: Sequence[int] = (), seed: int = 0
) -> Flow:
    """Fit Gaussian mixtures, and return the one that is best on ``validation`` as a flow.

    Args:
        train, validation: rows ``[M, D]`` and ``[N, D]``.
        components: numbers of components to try; :data:`COMPONENTS` by default.
        seed: of the fits.

    Raises:
        ValueError: no mixture can be fitted.
    """
    return fit_gaussian_mixture(
        train, validation, components=tuple(components) or COMPONENTS, floors=FLOORS, seed=seed
    )


def independent_categories(train: np.ndarray, x: np.ndarray, *, sizes: Sequence[int]) -> Evaluation:
    """Evaluate the columns' own frequencies, as if they were independent.

    Args:
        train: codes ``[M, C]`` to count; each category counts once more, so that none has
            probability zero.
        x: codes ``[N, C]`` to evaluate on.
        sizes: number of categories of each column.
    """
    log_prob = np.zeros(len(x))
    for place, size in enumerate(sizes):
        counts = np.bincount(train[:, place].astype(int), minlength=size) + 1
        log_prob += np.log(counts / counts.sum())[x[:, place].astype(int)]
    return Evaluation.of(log_prob)
