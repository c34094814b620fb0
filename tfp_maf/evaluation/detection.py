"""How well scores tell one class from others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve


@dataclass(frozen=True)
class Detection:
    """Of scores that should be higher for the target.

    Attributes:
        auc: the chance that a target scores above a clip of another word, all words as often.
        auc_by_word: the same against each other word.
        above: other words whose mean score is above the target's mean.
        margin: how far the best other word's mean is below the target's, in standard deviations
            of the target's scores.
        equal_error_rate: where misses are as many as false alarms.
        false_alarms: share of targets below the threshold; None without one.
        misses: share of others above it.
    """

    auc: float
    auc_by_word: dict[str, float]
    above: list[str]
    margin: float
    equal_error_rate: float
    false_alarms: float | None
    misses: float | None

    @classmethod
    def of(
        cls,
        target: np.ndarray,
        others: np.ndarray,
        words: np.ndarray,
        *,
        threshold: float | None = None,
    ) -> Detection:
        """Of the scores of the target ``[N]``, and of others ``[M]`` and their words ``[M]``."""

        def auc(scores: np.ndarray) -> float:
            return float(roc_auc_score(_labels(target, scores), np.concatenate([target, scores])))

        means = {str(word): float(others[words == word].mean()) for word in np.unique(words)}
        false, true = roc(target, others)
        crossing = int(np.argmin(np.abs(false - (1 - true))))
        by_word = {word: auc(others[words == word]) for word in means}
        return cls(
            auc=float(np.mean(list(by_word.values()))),
            auc_by_word=by_word,
            above=[word for word, mean in means.items() if mean > target.mean()],
            margin=float((target.mean() - max(means.values())) / target.std()),
            equal_error_rate=float((false[crossing] + 1 - true[crossing]) / 2),
            false_alarms=None if threshold is None else float((target < threshold).mean()),
            misses=None if threshold is None else float((others >= threshold).mean()),
        )


def roc(target: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of others let in and of targets found, threshold after threshold."""
    let_in, found, _ = roc_curve(_labels(target, others), np.concatenate([target, others]))
    return let_in, found


def _labels(target: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(len(target)), np.zeros(len(others))])
