"""Classifier by Bayes' rule, with flows as the densities of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from tfp_maf.evaluation.likelihood import chunked_log_prob
from tfp_maf.sklearn.base import FlowEstimator, warn_of_columns

LOWEST = float(np.finfo(np.float32).min)


class GenerativeClassifier(ClassifierMixin, FlowEstimator):
    """Classifier with a density for each class: ``p(k | x) ∝ p(x | k) p(k)``.

    Attributes:
        classes_: labels of the K classes, sorted.
        priors_: prior probabilities ``[K]``.
        flows_: one :class:`tfp_maf.Flow`, conditional on the class's number, or K of them.
        histories_: the :class:`tfp_maf.History` of each.
        n_features_in_: number of columns, D.
        feature_names_in_: names of a DataFrame's columns, ``[D]``; otherwise missing.

    Args:
        per_class: whether each class has a flow of its own. Otherwise there is one, conditional on
            the class, which learns what classes have in common only once.
        priors: prior probabilities ``[K]`` in the order of ``classes_``; the classes' frequencies
            by default.

    The other parameters are those of :class:`tfp_maf.sklearn.base.FlowEstimator`.
    """

    def __init__(
        self,
        *,
        per_class: bool = False,
        priors: Any = None,
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
        self.per_class = per_class
        self.priors = priors

    def fit(self, X: Any, y: Any) -> GenerativeClassifier:
        """Train the density of each class on rows ``[N, D]``.

        Args:
            X: array or DataFrame of finite numbers, of at least 2 rows; with ``per_class``, of at
                least 2 rows for each class.
            y: label of each row, ``[N]``.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If the rows are too few or invalid, or a parameter is out of its range.
            tfp_maf.TrainingDiverged: If the loss is not finite; lower ``learning_rate``.
        """
        x, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        warn_of_columns(x, model=self.model)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.priors_ = self._checked_priors(labels)
        rng = check_random_state(self.random_state)
        trained = (self._train_per_class if self.per_class else self._train_one)(x, labels, rng)
        self.flows_ = [flow for flow, _ in trained]
        self.histories_ = [history for _, history in trained]
        return self

    def _checked_priors(self, labels: np.ndarray) -> np.ndarray:
        """Return prior probabilities ``[K]``.

        Raises:
            ValueError: If they are not positive, don't sum to 1, or are not one per class.
        """
        if self.priors is None:
            return np.bincount(labels) / len(labels)
        priors = np.asarray(self.priors, np.float64)
        if priors.shape != self.classes_.shape:
            raise ValueError(
                f"priors must be one for each of {len(self.classes_)} classes, got shape "
                f"{list(priors.shape)}"
            )
        if not (priors > 0).all() or not np.isclose(priors.sum(), 1):
            raise ValueError(f"priors must be positive and sum to 1, got {priors.tolist()}")
        return priors / priors.sum()

    def _train_one(
        self, x: np.ndarray, labels: np.ndarray, rng: np.random.RandomState
    ) -> list[tuple[Any, Any]]:
        return [self._train(x, rng, labels=labels, num_labels=len(self.classes_))]

    def _train_per_class(
        self, x: np.ndarray, labels: np.ndarray, rng: np.random.RandomState
    ) -> list[tuple[Any, Any]]:
        rare = self.classes_[np.bincount(labels) < 2]
        if len(rare):
            raise ValueError(
                f"class {rare[0]} has only one sample: per_class=True needs at least 2"
            )
        return [self._train(x[labels == k], rng) for k in range(len(self.classes_))]

    def _log_likelihoods(self, X: Any) -> np.ndarray:
        """Return ``log p(x | k)`` ``[N, K]`` for rows ``[N, D]``, all of them finite."""
        x = self._rows(X)
        if self.flows_[0].conditioning.num_labels:
            (flow,) = self.flows_
            columns = [chunked_log_prob(flow, x, condition=k) for k in range(len(self.classes_))]
        else:
            columns = [chunked_log_prob(flow, x) for flow in self.flows_]
        # The likelihood of a row too far out for float32 is 0 in every class.
        return np.nan_to_num(np.stack(columns, axis=1), nan=LOWEST, neginf=LOWEST)

    def predict_joint_log_proba(self, X: Any) -> np.ndarray:
        """Return ``log p(x | k) + log p(k)`` ``[N, K]`` for rows ``[N, D]``, in nats.

        Raises:
            sklearn.exceptions.NotFittedError: If there are no flows yet.
            ValueError: If the rows have other columns than those of ``fit``, or are not finite.
        """
        return self._log_likelihoods(X) + np.log(self.priors_)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return log-probabilities ``[N, K]`` of the classes, in the order of ``classes_``.

        A row that is too far out for any class has the prior probabilities.

        Raises:
            ValueError: As for :meth:`predict_joint_log_proba`.
        """
        ratios = self._log_likelihoods(X)
        ratios -= ratios.max(axis=1, keepdims=True)
        joint = ratios + np.log(self.priors_)
        return joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities ``[N, K]`` of the classes, in the order of ``classes_``.

        Raises:
            ValueError: As for :meth:`predict_joint_log_proba`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class ``[N]`` of rows ``[N, D]``.

        Raises:
            ValueError: As for :meth:`predict_joint_log_proba`.
        """
        log_prob = self.predict_log_proba(X)
        return self.classes_[log_prob.argmax(axis=1)]
