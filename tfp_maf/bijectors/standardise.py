"""Standardising bijector: columns of any scale to mean 0 and standard deviation 1.

Networks and splines act near zero. The bijector stands between the data and a flow's first layer,
``z = (x - loc) / scale``, and its log-determinant keeps the density that of ``x``.
"""

from __future__ import annotations

import copy

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.utils.variables import Fixed, FromVariables


class Standardise(tfp.bijectors.Bijector):
    """Bijector ``x = z * scale + loc`` per column, the identity until :meth:`set` is called.

    ``loc`` and ``scale`` are variables in float64 that are not trained: a column such as a date in
    seconds has no digits to spare in float32.

    Args:
        size: number of columns.
        dtype: of the tensors it maps.
    """

    def __init__(self, size: int, *, dtype: str, name: str = "standardise"):
        parameters = dict(locals())
        with tf.name_scope(name):
            self.loc = tf.Variable(np.zeros(size), trainable=False, name="loc")
            self.scale = tf.Variable(np.ones(size), trainable=False, name="scale")
        self._arrays: FromVariables | Fixed = FromVariables(
            [self.loc, self.scale], lambda both: [v.numpy() for v in both]
        )
        super().__init__(
            forward_min_event_ndims=0, dtype=tf.as_dtype(dtype), parameters=parameters, name=name
        )

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType) -> dict:
        return {}

    def set(self, x: np.ndarray, *, weights: np.ndarray | None = None) -> None:
        """Set loc and scale from rows ``[N, size]``; the scale of a constant column is 1."""
        x = np.asarray(x, np.float64)
        loc = np.average(x, axis=0, weights=weights)
        scale = np.sqrt(np.average((x - loc) ** 2, axis=0, weights=weights))
        # Below a millionth of the values' size, the deviation is float32's rounding.
        constant = scale <= 1e-6 * np.maximum(np.abs(loc), np.finfo(np.float64).tiny)
        self.loc.assign(loc)
        self.scale.assign(np.where(constant, 1.0, scale))

    def frozen(self) -> Standardise:
        """Return the bijector with loc and scale as they are now, for arrays only."""
        copied = copy.copy(self)
        copied._arrays = Fixed(self._arrays.value)
        return copied

    @property
    def is_identity(self) -> bool:
        """True if rows pass unchanged."""
        loc, scale = self._arrays.value
        return not loc.any() and bool((scale == 1).all())

    def to_standard(self, x: np.ndarray) -> np.ndarray:
        """Return rows ``z [N, size]`` of the flow's dtype for rows ``x``, computed in float64."""
        with np.errstate(over="ignore"):
            loc, scale = self._arrays.value
            z = (np.asarray(x, np.float64) - loc) / scale
            return z.astype(self.dtype.as_numpy_dtype)

    def to_data(self, z: np.ndarray) -> np.ndarray:
        """Return rows in the data's units for rows ``z [N, size]``, as :meth:`forward` does."""
        loc, scale = self._arrays.value
        return z * scale.astype(z.dtype) + loc.astype(z.dtype)

    @property
    def log_det_array(self) -> np.float64:
        """:attr:`log_det` in float64."""
        return -np.log(self._arrays.value[1]).sum()

    @property
    def log_det(self) -> tf.Tensor:
        """Log-determinant ``log |det dz/dx|``, a number in nats, in the flow's dtype."""
        return tf.cast(-tf.reduce_sum(tf.math.log(self.scale)), self.dtype)

    def _forward(self, z: tf.Tensor) -> tf.Tensor:
        return z * tf.cast(self.scale, z.dtype) + tf.cast(self.loc, z.dtype)

    def _inverse(self, x: tf.Tensor) -> tf.Tensor:
        return (x - tf.cast(self.loc, x.dtype)) / tf.cast(self.scale, x.dtype)

    def _inverse_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return -tf.cast(tf.math.log(self.scale), x.dtype)

    def _forward_log_det_jacobian(self, z: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.math.log(self.scale), z.dtype)
