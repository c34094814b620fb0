"""Anomalies in time: steps that are unlikely given their past, and windows that are not typical.

The noise of a model that is right is standard normal and independent, ``u_t ~ N(0, I)``. Over a
window of steps, the means of log p(x_t), of each ``u_i`` and of each ``u_i^2`` therefore stay near
those of held-out time. A window is an anomaly if one of them is too far off, to either side: a
sensor that has shifted moves the noise, and one that is stuck is easier to predict than time ever
is (a test of typicality, Nalisnick et al. 2019, arXiv 1906.02994).

Time drifts, so that a threshold of the past flags more and more of what is usual later. A step is
therefore compared to as many scores before it as there are held-out ones: those at first, and more
and more of its own series'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

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
    """Rule by which a step, and a window that ends in it, is an anomaly.

    Attributes:
        width: number of steps of a window.
        steps: log-likelihoods of held-out steps.
        centre: medians of held-out windows' means, ``[F]``.
        below, above: how far from the centre all but a share :data:`TAIL` of them reach, ``[F]``.
        windows: distances of held-out windows: the largest of a window's means from the centre, in
            units of this reach; the tails of a series are seldom a normal's.
        false_alarms: share of the scores before a step beyond which it is flagged.
    """

    width: int
    steps: np.ndarray
    centre: np.ndarray
    below: np.ndarray
    above: np.ndarray
    windows: np.ndarray
    false_alarms: float

    @classmethod
    def of(cls, held_out: Sequence[Scored], *, width: int, false_alarms: float) -> Thresholds:
        """Take the scores of held-out series, in time order.

        Raises:
            ValueError: there are too few steps for the rate.
        """
        steps = np.concatenate([each.log_prob for each in held_out])
        means = finite_windows(held_out, width=width)
        steps = steps[np.isfinite(steps)]
        threshold_of(steps, false_alarms)
        if len(means) < 2:
            raise ValueError(f"no {width} held-out steps in a row have scores: take fewer")
        low, centre, high = np.quantile(means, [TAIL, 0.5, 1 - TAIL], axis=0)
        below, above = np.maximum(centre - low, 1e-9), np.maximum(high - centre, 1e-9)
        found = cls(width, steps, centre, below, above, np.empty(0), false_alarms)
        windows = found._distances(means)
        threshold_of(-windows, false_alarms)
        return replace(found, windows=windows)

    @property
    def step(self) -> float:
        """Log-likelihood below which the first step after held-out time is an anomaly."""
        return threshold_of(self.steps, self.false_alarms)

    @property
    def window(self) -> float:
        """Distance above which the first window after held-out time is an anomaly."""
        return -threshold_of(-self.windows, self.false_alarms)

    def _distances(self, means: np.ndarray) -> np.ndarray:
        away = means - self.centre
        return np.maximum(away / self.above, -away / self.below).max(axis=1)

    def distances(self, scored: Scored) -> np.ndarray:
        """Return how far windows that end in each step are from typical ones, ``[T]``, or NaN."""
        return self._distances(scored.window_means(self.width))

    def flags(self, scored: Scored) -> tuple[np.ndarray, np.ndarray]:
        """Return which steps ``[T]`` are anomalies, and which end a window that is one."""
        far = self.distances(scored)
        with np.errstate(invalid="ignore"):  # NaN is no anomaly
            return (
                scored.log_prob < recent_thresholds(self.steps, scored.log_prob, self.false_alarms),
                -far < recent_thresholds(-self.windows, -far, self.false_alarms),
            )


def finite_windows(series: Sequence[Scored], *, width: int) -> np.ndarray:
    """Return the means over all windows of ``width`` steps that have them, ``[W, F]``."""
    means = np.concatenate([each.window_means(width) for each in series])
    return means[np.isfinite(means).all(axis=1)]


def recent_thresholds(before: np.ndarray, scores: np.ndarray, false_alarms: float) -> np.ndarray:
    """Return the threshold of each score ``[T]``, from as many scores before it as there were.

    Args:
        before: finite scores of earlier time, ``[N]``.
        scores: ``[T]``; NaN where there is none.
        false_alarms: share of the N scores before one that are below its threshold.
    """
    seen = np.isfinite(scores)
    count = len(before)
    rank = np.clip(false_alarms * (count + 1) - 1, 0, count - 1) / max(count - 1, 1)  # Weibull's
    joined = pd.Series(np.concatenate([before, scores[seen]]))
    recent = joined.rolling(count).quantile(rank).to_numpy()
    found = np.full(len(scores), np.nan)
    found[seen] = recent[count - 1 : -1]
    return found


def alarm_rates(
    earlier: Sequence[Scored], later: Sequence[Scored], *, width: int, false_alarms: float
) -> tuple[float, float]:
    """Return the shares of later steps and windows that thresholds of earlier time flag.

    This is the rate of false alarms to expect of new time, as far as it drifts likewise.

    Raises:
        ValueError: there are too few earlier steps for the rate, or no later ones.
    """
    thresholds = Thresholds.of(earlier, width=width, false_alarms=false_alarms)
    steps, windows = [], []
    for scored in later:
        is_step, is_window = thresholds.flags(scored)
        steps.append(is_step[np.isfinite(scored.log_prob)])
        windows.append(is_window[np.isfinite(thresholds.distances(scored))])
    flagged = [np.concatenate(each) for each in (steps, windows)]
    if not all(len(each) for each in flagged):
        raise ValueError("no later steps have scores")
    return float(flagged[0].mean()), float(flagged[1].mean())


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
