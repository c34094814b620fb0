"""Baseline densities to compare a flow with: standard normal, Gaussian, Gaussian mixture.

The full-covariance Gaussian is the first row of table 1 of Papamakarios et al. 2017 (arXiv
1705.07057).
"""

from __future__ import annotations

import numpy as np

from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.flows.gaussian import moments

MIXTURE_ROWS = 50_000  # maximum number of rows to fit the mixture to; EM's time is proportional


def standard_normal(x: np.ndarray) -> Evaluation:
    """Evaluate ``N(0, I)``, the base distribution of the flows, on rows ``[N, D]``."""
    x = np.asarray(x, np.float64)
    return Evaluation.of(-0.5 * (x**2).sum(axis=1) - 0.5 * x.shape[1] * np.log(2 * np.pi))


def gaussian(train: np.ndarray, x: np.ndarray) -> Evaluation:
    """Fit a full-covariance Gaussian to ``train`` by maximum likelihood, and evaluate it on ``x``.

    ``log p(x) = -1/2 (x - m)' S^-1 (x - m) - 1/2 log |2 pi S|``.

    Args:
        train: rows ``[M, D]`` to fit to.
        x: rows ``[N, D]`` to evaluate on.

    Raises:
        ValueError: the covariance is singular, as some columns are linear combinations of others.
    """
    train, x = np.asarray(train, np.float64), np.asarray(x, np.float64)
    mean, factor = moments(train)
    whitened = np.linalg.solve(factor, (x - mean).T)
    log_det = np.log(np.diag(factor)).sum()
    constant = 0.5 * x.shape[1] * np.log(2 * np.pi)
    return Evaluation.of(-0.5 * (whitened**2).sum(axis=0) - log_det - constant)


def gaussian_mixture(
    train: np.ndarray, x: np.ndarray, *, components: int, seed: int = 0
) -> Evaluation | None:
    """Fit scikit-learn's full-covariance Gaussian mixture, and evaluate it on ``x``.

    Args:
        train: rows ``[M, D]``; the mixture is fitted to at most 50,000 of them.
        x: rows ``[N, D]`` to evaluate on.
        components: number of components, fewer if there are fewer than ten rows for each.
        seed: seed of the choice of rows and of the fit.

    Returns:
        The evaluation, or None if scikit-learn is not installed.
    """
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError:
        return None
    rng = np.random.default_rng(seed)
    rows = train[rng.permutation(len(train))[:MIXTURE_ROWS]].astype(np.float64)
    mixture = GaussianMixture(
        min(components, len(rows) // 10 + 1), random_state=seed, reg_covar=1e-6
    )
    return Evaluation.of(mixture.fit(rows).score_samples(np.asarray(x, np.float64)))
