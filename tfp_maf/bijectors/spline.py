"""Splines of neural spline flows: monotone rational-quadratic maps in place of shift and scale.

Durkan, Bekasov, Murray and Papamakarios 2019 (arXiv 1906.04032), section 3: between ``-B`` and
``B`` each feature goes through a spline of K bins, whose widths w, heights h and inner slopes d a
network gives; outside, the map is the identity. In bin k, with ``s = h / w`` and
``t = (x - x_k) / w`` (equation 4),
``u = y_k + h (s t^2 + d_k t (1 - t)) / (s + (d_{k+1} + d_k - 2 s) t (1 - t))``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.networks.dense import DenseNetwork

tfb = tfp.bijectors

# Values of the authors' code; a bin or slope of zero would have no inverse.
SMALLEST_BIN = SMALLEST_SLOPE = 1e-3


class Spline(tfp.bijectors.RationalQuadraticSpline):
    """Spline of TFP with an inverse that stays within its bin where slopes are steep.

    The inverse is the root ``t = 2c / (-b - r) = (-b + r) / 2a`` of ``a t^2 + b t + c``, with
    ``r^2 = b^2 - 4 a c`` (appendix A.3). TFP takes the first form, in which, in float32, a negative
    b and r cancel to zero, and a sample is infinite. Here the form depends on the sign of b.
    """

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        inside = self._compute_shared(y=y)
        above = tf.where(inside.out_of_bounds, tf.zeros([], y.dtype), y - inside.y_k)
        slopes = above * (inside.d_kp1 + inside.d_k - 2 * inside.s_k)
        a = inside.h_k * (inside.s_k - inside.d_k) + slopes
        b = inside.h_k * inside.d_k - slopes
        c = -inside.s_k * above
        r = tf.sqrt(tf.maximum(b**2 - 4 * a * c, 0))
        rising, one = b >= 0, tf.ones([], y.dtype)
        # A divisor that is not taken must not be zero either, for the gradient's sake.
        first = -2 * c / tf.where(rising & (b + r > 0), b + r, one)
        second = (r - b) / tf.where(rising, one, 2 * a)
        t = tf.clip_by_value(tf.where(rising, first, second), 0, 1)
        x = tf.where(inside.out_of_bounds, y, t * inside.w_k + inside.x_k)
        # With one feature, TFP loses track of the shape, which its loop over features needs.
        return tf.ensure_shape(x, tf.broadcast_static_shape(y.shape, self.bin_widths.shape[:-1]))


def spline(outputs: tf.Tensor, *, bins: int, bound: float) -> Any:
    """Return the bijector of raw outputs ``[..., 3 bins - 1]``, from noise to data.

    Zeros give the identity. From data to noise, the direction of training, the spline is taken
    forward, which needs no root (equation 4).
    """
    widths, heights, slopes = tf.split(outputs, [bins, bins, bins - 1], axis=-1)
    room = 2 * bound - bins * SMALLEST_BIN
    # softplus(0 + one) = 1 - SMALLEST_SLOPE
    one = tf.constant(np.log(np.expm1(1 - SMALLEST_SLOPE)), outputs.dtype)
    return tfb.Invert(
        Spline(
            bin_widths=tf.nn.softmax(widths) * room + SMALLEST_BIN,
            bin_heights=tf.nn.softmax(heights) * room + SMALLEST_BIN,
            knot_slopes=tf.nn.softplus(slopes + one) + SMALLEST_SLOPE,
            range_min=-bound,
        )
    )


@dataclass(frozen=True)
class SplineOf:
    """Function from raw outputs to a bijector: :func:`spline` with its settings.

    Attributes:
        bins: number of bins, K.
        bound: B, in the units of the standardised data.
    """

    bins: int
    bound: float

    @property
    def params(self) -> int:
        """Number of raw outputs per feature: widths, heights and inner slopes."""
        return 3 * self.bins - 1

    def __call__(self, outputs: tf.Tensor) -> Any:
        """Return the bijector of ``[...]`` for raw outputs ``[..., 3 bins - 1]``."""
        return spline(outputs, bins=self.bins, bound=self.bound)


class CouplingSplines(tf.Module):
    """Network that gives a spline for each moved feature from those kept, for ``tfb.RealNVP``.

    Args:
        n_in, n_out: numbers of features that it sees, and that it moves.
        bijector: :class:`SplineOf`.
        options: of :class:`~tfp_maf.networks.dense.DenseNetwork`.
    """

    def __init__(self, n_in: int, n_out: int, *, bijector: SplineOf, **options: Any):
        super().__init__()
        self.n_out, self.bijector = n_out, bijector
        self.condition_size = options["condition_size"]
        self.network = DenseNetwork(n_in, n_out * bijector.params, **options)

    def __call__(self, x: tf.Tensor, output_units: int, condition: tf.Tensor | None = None) -> Any:
        """Return a bijector of ``[..., n_out]`` for ``[..., n_in]``."""
        outputs = self.network(x, condition)
        # tf.reshape would lose the sizes where the number of rows is unknown.
        by_feature = tf.stack(tf.split(outputs, self.n_out, axis=-1), axis=-2)
        return self.bijector(by_feature)
