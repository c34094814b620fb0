"""Other detectors of anomalies, to compare a model's with, and the areas under its curves.

Each is scikit-learn's, with its defaults, fitted to the same rows.
"""

from __future__ import annotations

import numpy as np


def baselines(train: np.ndarray, x: np.ndarray, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Return how far out rows ``[N, D]`` are by other detectors, ``[N]`` each, by name.

    Args:
        train: rows ``[M, D]`` to fit to, taken to be normal.
        x: the rows.
        seed: of the isolation forest.
    """
    from sklearn.covariance import EmpiricalCovariance
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor

    train, x = np.asarray(train, np.float64), np.asarray(x, np.float64)
    forest = IsolationForest(random_state=seed).fit(train)
    neighbours = LocalOutlierFactor(n_neighbors=min(20, len(train) - 1), novelty=True).fit(train)
    return {
        "Mahalanobis distance": EmpiricalCovariance().fit(train).mahalanobis(x),
        "isolation forest": -forest.score_samples(x),
        "local outlier factor": -neighbours.score_samples(x),
    }


def curves(is_anomaly: np.ndarray, outlyingness: np.ndarray) -> tuple[float, float]:
    """Return the area under the ROC curve and the average precision.

    Args:
        is_anomaly: mask ``[N]``, with rows of both kinds.
        outlyingness: larger for rows that are further out, ``[N]``.

    Raises:
        ValueError: If all rows are of one kind.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if is_anomaly.all() or not is_anomaly.any():
        kind = "an anomaly" if is_anomaly.any() else "normal"
        raise ValueError(f"every row is {kind}: there is nothing to tell apart")
    auc = roc_auc_score(is_anomaly, outlyingness)
    return float(auc), float(average_precision_score(is_anomaly, outlyingness))
