"""Anomalies in time: steps that are unlikely given their past, and windows that are not typical.

The noise of a model that is right is standard normal and independent, ``u_t ~ N(0, I)``. Over a
window of steps, the means of log p(x_t), of each ``u_i`` and of each ``u_i^2`` therefore stay near
those of held-out time. A window is an anomaly if one of them is too far off, to either side: a
sensor that has shifted moves the noise, and one that is stuck is easier to predict than time ever
is (a test of typicality, Nalisnick et al. 2019, arXiv 1906.02994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfp_maf.estimators.anomaly import threshold_of

FEWEST = 0.5  # share of a window's steps that must have a score
FARTHEST = 8.0  # noise beyond counts as this
TAIL = 0.005


@dataclass(frozen=True)
class Scored:
    """Steps of one series under a model.

    Attributes:
        log_prob: log-likelihoods, ``[T]``; NaN where a step has none.
        noise: ``[T, D]``, NaN likewise.
    """

    log_prob: np.ndarray
    noise: np.ndarray

    def window_means(self, width: int) -> np.ndarray:
        """Return the means of log p, u and u^2 over windows that end in each step, ``[T, F]``."""
        u = np.clip(self.noise, -FARTHEST, FARTHEST)
        features = np.concatenate([self.log_prob[:, None], u, u**2], axis=1)
        return np.stack([window_means(feature, width) for feature in features.T], axis=1)


@dataclass(frozen=True)
class Thresholds:
    """Scores beyond which a step, and a window that ends in it, is an anomaly.

    Attributes:
        width: number of steps of a window.
        step: threshold of a step's log-likelihood, from above.
        centre: medians of held-out windows' means, ``[F]``.
        below, above: how far from the centre all but a share :data:`TAIL` of them reach, ``[F]``.
        window: threshold of the largest distance of a window's means from the centre, in units of
            this reach; the tails of a series are seldom a normal's.
        false_alarms: share of held-out steps, and of windows, that are flagged.
    """

    width: int
    step: float
    centre: np.ndarray
    below: np.ndarray
    above: np.ndarray
    window: float
    false_alarms: float

    @classmethod
    def of(cls, held_out: Sequence[Scored], *, width: int, false_alarms: float) -> Thresholds:
        """Set both thresholds on held-out series.

        Raises:
            ValueError: there are too few steps for the rate.
        """
        steps = np.concatenate([each.log_prob for each in held_out])
        means = np.concatenate([each.window_means(width) for each in held_out])
        means = means[np.isfinite(means).all(axis=1)]
        step = threshold_of(steps[np.isfinite(steps)], false_alarms)
        if len(means) < 2:
            raise ValueError(f"no {width} held-out steps in a row have scores: take fewer")
        low, centre, high = np.quantile(means, [TAIL, 0.5, 1 - TAIL], axis=0)
        below, above = np.maximum(centre - low, 1e-9), np.maximum(high - centre, 1e-9)
        found = cls(width, step, centre, below, above, np.inf, false_alarms)
        return replace(found, window=-threshold_of(-found._distances(means), false_alarms))

    def _distances(self, means: np.ndarray) -> np.ndarray:
        away = means - self.centre
        return np.maximum(away / self.above, -away / self.below).max(axis=1)

    def distances(self, scored: Scored) -> np.ndarray:
        """Return how far windows that end in each step are from typical ones, ``[T]``, or NaN."""
        return self._distances(scored.window_means(self.width))

    def flags(self, scored: Scored) -> tuple[np.ndarray, np.ndarray]:
        """Return which steps ``[T]`` are anomalies, and which end a window that is one."""
        with np.errstate(invalid="ignore"):  # NaN is no anomaly
            return scored.log_prob < self.step, self.distances(scored) > self.window


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
