"""Outlier detector: rows of low likelihood under a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.model_selection import KFold
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from tfp_maf.evaluation.likelihood import chunked_log_prob
from tfp_maf.sklearn.base import FlowEstimator, warn_of_columns


class FlowOutlierDetector(OutlierMixin, FlowEstimator):
    """Detector of rows that are unlikely under a flow trained on the table.

    The threshold comes from cross-fitting: the rows are dealt into ``cv`` folds, and each fold is
    scored by a flow trained on the others. A flow finds the rows it was trained on likelier than
    new ones, so a threshold from these would flag more than ``contamination`` of the rows to come.
    With it, ``predict`` flags about, not exactly, that fraction of the training rows themselves;
    scikit-learn's ``check_estimator`` expects exactly that many, as ``cv=None`` gives.

    As everywhere in scikit-learn, low scores are outliers, and ``predict`` returns -1 for them.
    PyOD's ``decision_scores_``, ``labels_`` and ``threshold_`` have the opposite sign (high scores
    are outliers, which are labelled 1), and are left out for that reason.

    Attributes:
        flow_: the :class:`tfp_maf.Flow` trained on all rows.
        history_: the :class:`tfp_maf.History` of its training.
        offset_: threshold in nats: rows that score below it are outliers.
        held_out_scores_: log-likelihood ``[N]`` of each training row under the flow of the folds
            that it is not in; missing with ``cv=None``.
        n_features_in_: number of columns, D.
        feature_names_in_: names of a DataFrame's columns, ``[D]``; otherwise missing.

    Args:
        contamination: fraction of rows to be flagged, above 0 and at most 0.5.
        cv: number of folds, fewer if there are fewer rows; None sets the threshold from the
            training rows, without training more flows than one.

    The other parameters are those of :class:`tfp_maf.sklearn.base.FlowEstimator`.
    """

    def __init__(
        self,
        *,
        contamination: float = 0.1,
        cv: int | None = 5,
        model: str = "maf",
        num_layers: int = 5,
        hidden_units: Sequence[int] = (100, 100),
        learning_rate: float = 1e-3,
        batch_size: int = 100,
        max_epochs: int = 500,
        patience: int = 30,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ):
        super().__init__(
            model=model,
            num_layers=num_layers,
            hidden_units=hidden_units,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_epochs=max_epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            random_state=random_state,
            verbose=verbose,
        )
        self.contamination = contamination
        self.cv = cv

    def fit(self, X: Any, y: Any = None) -> FlowOutlierDetector:
        """Train a flow on rows ``[N, D]``, and set the threshold.

        Args:
            X: array or DataFrame of finite numbers; at least 3 rows, or 2 with ``cv=None``.
            y: ignored.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If the rows are too few or invalid, or a parameter is out of its range.
            tfp_maf.TrainingDiverged: If the loss is not finite; lower ``learning_rate``.
        """
        self._check_parameters()
        least = 2 if self.cv is None else 3
        x = validate_data(self, X, dtype=np.float64, ensure_min_samples=least)
        warn_of_columns(x, model=self.model)
        rng = check_random_state(self.random_state)
        self.flow_, self.history_ = self._train(x, rng)
        if self.cv is None:
            scores = chunked_log_prob(self.flow_, x)
        else:
            scores = self.held_out_scores_ = self._cross_fitted(x, rng, folds=self.cv)
        self.offset_ = float(np.quantile(scores, self.contamination))
        return self

    def _check_parameters(self) -> None:
        if not 0 < self.contamination <= 0.5:
            raise ValueError(
                f"contamination must be above 0 and at most 0.5, got {self.contamination!r}"
            )
        if self.cv is not None and self.cv < 2:
            raise ValueError(f"cv must be None or at least 2, got {self.cv!r}")

    def _cross_fitted(self, x: np.ndarray, rng: np.random.RandomState, *, folds: int) -> np.ndarray:
        """Return log-likelihoods ``[N]``, each under a flow that was not trained on the row."""
        scores = np.empty(len(x))
        split = KFold(min(folds, len(x)), shuffle=True, random_state=rng).split(x)
        for others, fold in split:
            flow, _ = self._train(x[others], rng)
            scores[fold] = chunked_log_prob(flow, x[fold])
        return scores

    def score_samples(self, X: Any) -> np.ndarray:
        """Return log-likelihoods ``[N]`` of rows ``[N, D]``, in nats; low ones are unusual.

        Raises:
            sklearn.exceptions.NotFittedError: If there is no flow yet.
            ValueError: If the rows have other columns than those of ``fit``, or are not finite.
        """
        x = self._rows(X)
        return chunked_log_prob(self.flow_, x)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return ``score_samples(X) - offset_`` ``[N]``: negative for outliers.

        Raises:
            ValueError: As for :meth:`score_samples`.
        """
        scores = self.score_samples(X)
        return scores - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return ``[N]``: -1 for outliers, 1 for the other rows.

        Raises:
            ValueError: As for :meth:`score_samples`.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)
