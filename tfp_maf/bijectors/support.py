"""Bounded, positive and periodic columns: a bijector between their range and the real line.

A flow puts some density everywhere; a share between 0 and 1 or a price above 0 then gets samples
outside its range. In front of the flow, ``z = log((x - low) / (high - x))`` for an interval and
``z = log(x - low)`` or ``z = log(high - x)`` for a half-line keep every sample inside, and their
log-determinants keep the density that of ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp


@dataclass(frozen=True)
class Support:
    """Range of a column, open at both ends: ``Support(low=0)`` is positive.

    Attributes:
        low, high: bounds, or None for none.
        periodic: whether ``high`` is ``low`` again, as of angles: values are first taken modulo
            ``high - low``. The density need not be continuous there.

    Raises:
        ValueError: If there is no bound, or they are not finite and in order.
    """

    low: float | None = None
    high: float | None = None
    periodic: bool = False

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        if (
            not bounds
            or not np.isfinite(bounds).all()
            or (len(bounds) == 2 and bounds[0] >= bounds[1])
        ):
            raise ValueError(f"a support needs finite bounds, low below high, got {self}")
        if self.periodic and len(bounds) < 2:
            raise ValueError(f"a periodic support needs both bounds, got {self}")

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for :meth:`of`."""
        return asdict(self)

    @classmethod
    def of(cls, value: Any) -> Support | None:
        """Return a support from one, from :meth:`to_json`'s values, or None from None."""
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, dict):
            return cls(**value)
        raise ValueError(f"support must be tfp_maf.Support or None for each column, got {value!r}")


class InSupport(tfp.bijectors.Bijector):
    """Bijector from real ``z`` to ``x`` inside its support, column by column.

    Interval: ``x = low + (high - low) sigmoid(z)``; half-line: ``x = low + exp(z)`` or
    ``x = high - exp(z)``; no support: ``x = z``.

    Args:
        supports: one per column, None for the whole line.
        dtype: of the tensors it maps.
    """

    def __init__(self, supports: Sequence[Support | None], *, dtype: str, name: str = "in_support"):
        parameters = dict(locals())
        self.supports = tuple(supports)
        lows = [s.low if s is not None and s.low is not None else np.nan for s in supports]
        highs = [s.high if s is not None and s.high is not None else np.nan for s in supports]
        self.low, self.high = np.array(lows, np.float64), np.array(highs, np.float64)
        has_low, has_high = np.isfinite(self.low), np.isfinite(self.high)
        self._interval, self._above = has_low & has_high, has_low & ~has_high
        self._below = has_high & ~has_low
        self._periodic = np.array([s is not None and s.periodic for s in supports])
        super().__init__(
            forward_min_event_ndims=0, dtype=tf.as_dtype(dtype), parameters=parameters, name=name
        )

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return {}

    def check(self, x: np.ndarray, *, name: str, first_row: int = 0) -> np.ndarray:
        """Return events ``[..., D]``, periodic columns brought into their range.

        Raises:
            ValueError: If a value is not inside its support; the message names row and column.
        """
        period = np.where(self._periodic, self.high - self.low, 1.0)
        start = np.where(self._periodic, self.low, 0.0)
        x = np.where(self._periodic, start + np.mod(x - start, period), x)
        # The start of a period is in it.
        x = np.where(self._periodic & (x == start), start + period * 1e-9, x)
        bad = np.argwhere(((x <= self.low) | (x >= self.high)).reshape(-1, len(self.low)))
        if len(bad):
            row, column = bad[0]
            support = self.supports[column]
            raise ValueError(
                f"{name} has {x.reshape(-1, len(self.low))[row, column]:g} at row "
                f"{first_row + row}, column {column} (counted from 0), outside of {support}, which "
                f"does not include its bounds; widen the support or remove the row"
            )
        return x

    def to_line(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ``z [..., D]`` and ``log |det dz/dx| [...]`` for events inside, in float64."""
        z, log_det = np.array(x, np.float64), np.zeros(np.shape(x))
        with np.errstate(invalid="ignore", divide="ignore"):
            above, below = np.log(x - self.low), np.log(self.high - x)
            width = np.log(self.high - self.low)
        z = np.where(self._interval, above - below, np.where(self._above, above, z))
        z = np.where(self._below, below, z)
        log_det = np.where(self._interval, width - above - below, log_det)
        log_det = np.where(self._above, -above, np.where(self._below, -below, log_det))
        return z, log_det.sum(axis=-1)

    def _safe(self, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
        """Return bounds with finite numbers where there are none, for gradients' sake."""
        low = np.where(np.isfinite(self.low), self.low, 0.0)
        high = np.where(np.isfinite(self.high), self.high, 1.0)
        return tf.constant(low, dtype), tf.constant(high, dtype)

    def _forward(self, z: tf.Tensor) -> tf.Tensor:
        low, high = self._safe(z.dtype)
        inside = low + (high - low) * tf.sigmoid(z)
        # Rounding must not carry a sample over a bound.
        inside = tf.clip_by_value(inside, low, high)
        grown = tf.exp(tf.where(self._above | self._below, z, tf.zeros_like(z)))
        x = tf.where(self._interval, inside, z)
        x = tf.where(self._above, low + grown, x)
        return tf.where(self._below, high - grown, x)

    def _inverse(self, x: tf.Tensor) -> tf.Tensor:
        above, below = self._logs(x)
        z = tf.where(self._interval, above - below, x)
        return tf.where(self._above, above, tf.where(self._below, below, z))

    def _logs(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return ``log(x - low)`` and ``log(high - x)``, zeros where there is no such bound."""
        low, high = self._safe(x.dtype)
        one = tf.ones_like(x)
        above = tf.math.log(tf.where(self._interval | self._above, x - low, one))
        below = tf.math.log(tf.where(self._interval | self._below, high - x, one))
        return above, below

    def _inverse_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        above, below = self._logs(x)
        low, high = self._safe(x.dtype)
        width = tf.where(self._interval, tf.math.log(high - low), tf.zeros_like(low))
        return width - above - below

    def _forward_log_det_jacobian(self, z: tf.Tensor) -> tf.Tensor:
        low, high = self._safe(z.dtype)
        width = tf.math.log(tf.where(self._interval, high - low, tf.ones_like(low)))
        # log sigmoid'(z) = -softplus(-z) - softplus(z), which does not cancel far out.
        interval = width - tf.math.softplus(-z) - tf.math.softplus(z)
        half_line = tf.where(self._above | self._below, z, tf.zeros_like(z))
        return tf.where(self._interval, interval, half_line)
