"""Density estimator with the methods of scikit-learn's ``KernelDensity``."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from tfp_maf.evaluation.likelihood import chunked_log_prob
from tfp_maf.sklearn.base import FlowEstimator, warn_of_columns
from tfp_maf.utils.checks import check_positive_integer


class FlowDensity(DensityMixin, FlowEstimator):
    """Density of a table's rows, estimated by a normalising flow.

    Log-likelihoods are in nats and of the table's own units: the flow standardises columns by
    itself, and counts their scales in. A constant column has no density; it is warned of.

    Attributes:
        flow_: the trained :class:`tfp_maf.Flow`.
        history_: the :class:`tfp_maf.History` of its training.
        n_features_in_: number of columns, D.
        feature_names_in_: names of a DataFrame's columns, ``[D]``; otherwise missing.

    The parameters are those of :class:`tfp_maf.sklearn.base.FlowEstimator`.
    """

    def fit(self, X: Any, y: Any = None) -> FlowDensity:
        """Train a flow on rows ``[N, D]``, N at least 2.

        Args:
            X: array or DataFrame of finite numbers.
            y: ignored.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If the rows are too few or invalid, or a parameter is out of its range.
            tfp_maf.TrainingDiverged: If the loss is not finite; lower ``learning_rate``.
        """
        x = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        warn_of_columns(x, model=self.model)
        self.flow_, self.history_ = self._train(x, check_random_state(self.random_state))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return log-likelihoods ``[N]`` of rows ``[N, D]``, in nats.

        Raises:
            sklearn.exceptions.NotFittedError: If there is no flow yet.
            ValueError: If the rows have other columns than those of ``fit``, or are not finite.
        """
        x = self._rows(X)
        return chunked_log_prob(self.flow_, x)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log-likelihood of rows ``[N, D]``, in nats per row; ``y`` is ignored.

        Raises:
            ValueError: As for :meth:`score_samples`.
        """
        return float(self.score_samples(X).mean())

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draw rows ``[n_samples, D]`` in the table's units.

        Args:
            n_samples: number of rows.
            random_state: seed; None takes the estimator's own, so that an integer there gives the
                same rows at each call.

        Raises:
            sklearn.exceptions.NotFittedError: If there is no flow yet.
            ValueError: If ``n_samples`` is not a positive integer.
        """
        check_is_fitted(self)
        check_positive_integer("n_samples", n_samples)
        rng = check_random_state(self.random_state if random_state is None else random_state)
        rows = self.flow_.sample(int(n_samples), seed=int(rng.randint(2**31 - 1)))
        return rows.numpy().astype(np.float64)
