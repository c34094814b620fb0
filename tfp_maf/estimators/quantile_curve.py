"""Threshold that depends on a measured quantity: the quantile of a score given that quantity.

Quantile regression (Koenker and Bassett 1978) minimises the pinball loss
``sum_i (q - 1[s_i < t(u_i)]) (s_i - t(u_i))`` over curves ``t``, here piecewise linear ones. A
detector of words uses it to lower its threshold where there is noise, whose level is u.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

KNOTS = 5
LEAST = 5  # rows per knot


@dataclass(frozen=True)
class QuantileCurve:
    """Piecewise linear curve, constant beyond its ends.

    Attributes:
        knots: increasing values of the quantity, ``[K]``.
        values: value of the curve at each knot, ``[K]``.
    """

    knots: np.ndarray
    values: np.ndarray

    @classmethod
    def constant(cls, value: float) -> QuantileCurve:
        """Return the curve that has the same value everywhere."""
        return cls(np.zeros(1), np.full(1, value, np.float64))

    @classmethod
    def fit(cls, quantity: np.ndarray, scores: np.ndarray, *, quantile: float) -> QuantileCurve:
        """Fit the curve below which a given fraction of the scores lies.

        Args:
            quantity: values ``[N]`` of the quantity.
            scores: scores ``[N]``.
            quantile: the fraction, between 0 and 1.

        Raises:
            ValueError: a value is not finite, or the fraction is out of range.
        """
        from sklearn.linear_model import QuantileRegressor

        quantity, scores = np.asarray(quantity, np.float64), np.asarray(scores, np.float64)
        if quantity.shape != scores.shape or quantity.ndim != 1 or len(scores) == 0:
            raise ValueError(
                f"one quantity per score is needed, got {list(quantity.shape)} and "
                f"{list(scores.shape)}"
            )
        if not (np.isfinite(quantity).all() and np.isfinite(scores).all()):
            raise ValueError("a quantity or a score is not finite")
        if not 0 < quantile < 1:
            raise ValueError(f"quantile must be between 0 and 1, got {quantile}")
        count = int(np.clip(len(scores) // LEAST, 1, KNOTS))
        knots = np.unique(np.quantile(quantity, np.linspace(0, 1, count)))
        model = QuantileRegressor(quantile=quantile, alpha=0.0, fit_intercept=False)
        return cls(knots, model.fit(_hats(quantity, knots), scores).coef_)

    def __call__(self, quantity: np.ndarray) -> np.ndarray:
        """Return the curve's values ``[N]`` at values ``[N]`` of the quantity."""
        return np.interp(quantity, self.knots, self.values)

    def to_json(self) -> dict[str, Any]:
        """Return the curve as JSON values."""
        return {"knots": self.knots.tolist(), "values": self.values.tolist()}

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> QuantileCurve:
        """Read the curve from JSON values.

        Raises:
            ValueError: the knots do not increase, or the numbers are not finite and as many.
            KeyError: knots or values are missing.
        """
        knots, values = (np.array(described[name], np.float64) for name in ("knots", "values"))
        if knots.ndim != 1 or knots.shape != values.shape or len(knots) == 0:
            raise ValueError("a curve needs as many values as knots")
        if not np.isfinite([knots, values]).all() or (np.diff(knots) <= 0).any():
            raise ValueError("a curve's knots must increase, and all numbers be finite")
        return cls(knots, values)


def _hats(quantity: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the linear interpolation weights ``[N, K]`` of values at the knots."""
    return np.stack([np.interp(quantity, knots, one) for one in np.eye(len(knots))], axis=1)
