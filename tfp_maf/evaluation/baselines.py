"""Baseline densities to compare a flow with: standard normal, Gaussian, independent categories.

The full-covariance Gaussian is the first row of table 1 of Papamakarios et al. 2017 (arXiv
1705.07057).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.flows.gaussian import moments


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


def independent_categories(train: np.ndarray, x: np.ndarray, *, sizes: Sequence[int]) -> Evaluation:
    """Evaluate the columns' own frequencies, as if they were independent.

    Args:
        train: codes ``[M, C]`` to count; each category counts once more, so that none has
            probability zero.
        x: codes ``[N, C]`` to evaluate on.
        sizes: number of categories of each column.
    """
    log_prob = np.zeros(len(x))
    for column, of_category in zip(x.T, log_frequencies(train, sizes), strict=True):
        log_prob += of_category[column.astype(int)]
    return Evaluation.of(log_prob)


def log_frequencies(codes: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Return the logarithm of each category's frequency ``[K_i]`` in each column of codes.

    Args:
        codes: categories ``[N, C]``; each counts once more, so that none has frequency zero.
        sizes: number of categories of each column, K_i.
    """
    counts = [
        np.bincount(column.astype(int), minlength=size) + 1
        for column, size in zip(codes.T, sizes, strict=True)
    ]
    return [np.log(each / each.sum()) for each in counts]
