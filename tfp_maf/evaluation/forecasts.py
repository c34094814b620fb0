"""Scores of forecasts: CRPS-sum and energy score of sampled paths, coverage of their intervals.

CRPS-sum is as gluonts and pytorch-ts compute it (Salinas et al. 2019, arXiv 1910.03002, appendix
G; Rasul et al. 2021, arXiv 2002.06103, section 4): quantile losses of the columns' sum.
"""

from __future__ import annotations

import numpy as np

QUANTILES = np.arange(1, 20) / 20  # gluonts: 0.05, 0.1, ..., 0.95


def quantiles_of(paths: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return quantiles ``[Q, S, ...]`` of paths ``[S, N, ...]``: gluonts's sample at its rank."""
    ordered = np.sort(paths, axis=1)
    places = np.round((paths.shape[1] - 1) * np.asarray(levels)).astype(int)
    return np.moveaxis(ordered[:, places], 1, 0)


def crps_sum(paths: np.ndarray, truth: np.ndarray) -> float:
    """Return the CRPS of the columns' sum, relative to the sum's mean size; less is better.

    ``mean_q 2 sum |(q - 1[y <= y_q]) (y - y_q)| / sum |y|``, the sums over series and steps.

    Args:
        paths: ``[S, N, steps, D]``.
        truth: ``[S, steps, D]``.
    """
    y, sums = truth.sum(axis=2), paths.sum(axis=3)
    losses = [
        2 * np.abs((y - at) * ((y <= at) - level)).sum()
        for level, at in zip(QUANTILES, quantiles_of(sums, QUANTILES), strict=True)
    ]
    return float(np.mean(losses) / np.abs(y).sum())


def energy_score(paths: np.ndarray, truth: np.ndarray, *, scale: np.ndarray) -> np.ndarray:
    """Return the energy score ``[steps]`` of forecasts, averaged over series; less is better.

    ``E |X - y| - E |X - X'| / 2`` (Gneiting and Raftery 2007, equation 22), norms over the columns
    in units of ``scale``. X and X' are each path and the next.

    Args:
        paths: ``[S, N, steps, D]``.
        truth: ``[S, steps, D]``.
        scale: ``[D]``.
    """
    x, y = paths / scale, truth / scale
    miss = np.linalg.norm(x - y[:, None], axis=3).mean(axis=1)
    apart = np.linalg.norm(x - np.roll(x, 1, axis=1), axis=3).mean(axis=1)
    return (miss - apart / 2).mean(axis=0)


def coverage(paths: np.ndarray, truth: np.ndarray, *, level: float = 0.8) -> np.ndarray:
    """Return how often the truth is in the central interval of a level, ``[steps]``."""
    low, high = quantiles_of(paths, np.array([0.5 - level / 2, 0.5 + level / 2]))
    return ((truth >= low) & (truth <= high)).mean(axis=(0, 2))
