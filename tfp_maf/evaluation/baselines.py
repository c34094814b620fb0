"""What a flow has to beat: densities with a closed form or a standard fit."""

from __future__ import annotations

import numpy as np

from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.flows.gaussian import moments

MIXTURE_ROWS = 50_000  # rows that the mixture is fitted on: EM's time is proportional


def standard_normal(x: np.ndarray) -> Evaluation:
    """``N(0, I)`` on rows ``[N, D]``: the flow's base, and the post's first figure."""
    x = np.asarray(x, np.float64)
    return Evaluation.of(-0.5 * (x**2).sum(axis=1) - 0.5 * x.shape[1] * np.log(2 * np.pi))


def gaussian(train: np.ndarray, x: np.ndarray) -> Evaluation:
    """A full-covariance Gaussian fitted to ``train`` by maximum likelihood, on ``x [N, D]``.

    ``log p(x) = -1/2 (x - m)' S^-1 (x - m) - 1/2 log |2 pi S|``, the first row of the
    paper's table 1.

    Raises:
        ValueError: a singular covariance: some columns are linear in others.
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
    """scikit-learn's full-covariance mixture, fitted to at most 50,000 rows of ``train``.

    Returns:
        Its score on ``x [N, D]``, or None where scikit-learn is not installed.
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
