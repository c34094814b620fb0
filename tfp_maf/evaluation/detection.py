"""Detection metrics: separation of a target class from others by their scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve


@dataclass(frozen=True)
class Detection:
    """Detection metrics of scores that should be higher for the target.

    Attributes:
        auc: probability that a target scores above a clip of another word, averaged over words.
        auc_by_word: the same probability for each other word.
        above: other words whose mean score is above the target's.
        margin: distance of the target's mean score above the highest mean of another word, in
            standard deviations of the target's scores.
        equal_error_rate: error rate at the threshold where both kinds of error are equally
            frequent.
        false_alarms: fraction of targets below the threshold; None without a threshold.
        misses: fraction of others at or above the threshold; None without a threshold.
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
        """Compute the metrics from scores.

        Args:
            target: scores ``[N]`` of the target.
            others: scores ``[M]`` of other clips.
            words: words ``[M]`` of those clips.
            threshold: scores below it are not the target; None for no threshold.
        """

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
    """Return the ROC curve: false-positive and true-positive rates over all thresholds."""
    let_in, found, _ = roc_curve(_labels(target, others), np.concatenate([target, others]))
    return let_in, found


def _labels(target: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(len(target)), np.zeros(len(others))])
