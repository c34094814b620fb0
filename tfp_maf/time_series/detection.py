"""Anomalies in time: steps that are unlikely given their past, and windows that are not typical.

A window is an anomaly if its mean log-likelihood is lower than held-out time's, or higher: a sensor
that is stuck is easier to predict than time ever is (a test of typicality, Nalisnick et al. 2019,
arXiv 1906.02994).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfp_maf.estimators.anomaly import threshold_of

FEWEST = 0.5  # share of a window's steps that must have a score


@dataclass(frozen=True)
class Thresholds:
    """Scores below which a step, and outside of which a window that ends in it, is an anomaly.

    Attributes:
        width: number of steps of a window.
        step: threshold of a step's log-likelihood.
        low, high: thresholds of its mean over a window.
        false_alarms: share of held-out steps, and of windows, that are flagged.
    """

    width: int
    step: float
    low: float
    high: float
    false_alarms: float

    @classmethod
    def of(cls, held_out: list[np.ndarray], *, width: int, false_alarms: float) -> Thresholds:
        """Set both thresholds on stretches of held-out steps ``[T]``.

        Raises:
            ValueError: there are too few steps for the rate.
        """
        steps = np.concatenate(held_out)
        windows = np.concatenate([window_means(each, width) for each in held_out])
        steps, windows = (x[np.isfinite(x)] for x in (steps, windows))
        low, high = (threshold_of(sign * windows, false_alarms / 2) for sign in (1, -1))
        return cls(width, threshold_of(steps, false_alarms), low, -high, false_alarms)

    def flags(self, log_prob: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which steps ``[T]`` are anomalies, and which end a window that is one."""
        windows = window_means(log_prob, self.width)
        with np.errstate(invalid="ignore"):  # NaN is no anomaly
            return log_prob < self.step, (windows < self.low) | (windows > self.high)


def window_means(log_prob: np.ndarray, width: int) -> np.ndarray:
    """Return the mean over the last ``width`` steps that have a score, ``[T]``.

    It is NaN where fewer than half of them have one, such as at the start.
    """
    there = np.isfinite(log_prob)
    sums = np.concatenate([[0.0], np.cumsum(np.where(there, log_prob, 0.0))])
    counts = np.concatenate([[0], np.cumsum(there)])
    ends = np.arange(1, len(log_prob) + 1)
    starts = np.maximum(ends - width, 0)
    count = counts[ends] - counts[starts]
    enough = count >= max(FEWEST * width, 1)
    return np.where(enough, (sums[ends] - sums[starts]) / np.maximum(count, 1), np.nan)


def runs_of(flags: np.ndarray, *, width: int = 1) -> list[tuple[int, int]]:
    """Return first and last step of each stretch of windows of ``width`` steps that end flagged."""
    covered = np.zeros(len(flags) + 1, np.int64)
    ends = np.flatnonzero(flags)
    np.add.at(covered, np.maximum(ends - width + 1, 0), 1)
    np.add.at(covered, ends + 1, -1)
    inside = np.cumsum(covered[:-1]) > 0
    edges = np.diff(np.concatenate([[0], inside.astype(int), [0]]))
    return list(
        zip(
            np.flatnonzero(edges == 1).tolist(),
            (np.flatnonzero(edges == -1) - 1).tolist(),
            strict=True,
        )
    )
