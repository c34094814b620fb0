"""Autoregressive distributions: products of conditionals, which may be conditional themselves.

``p(x | c) = prod_i p(x_i | x_1..x_{i-1}, c)`` (Papamakarios et al. 2017, arXiv 1705.07057,
equation 1).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


class Autoregressive(tfp.distributions.Distribution):
    """``tfd.Distribution`` of events ``[D]``, sampled feature by feature from normal numbers.

    A subclass has ``_log_prob(x, condition)``, ``from_noise(noise [..., D, 2], condition)`` and
    ``normal_scores(x, condition)``.

    Args:
        event_size: D.
        dtype: of the events.
        name: as of any ``tfd.Distribution``.
    """

    def __init__(self, event_size: int, *, dtype: str, name: str):
        self.event_size = event_size
        super().__init__(
            dtype=tf.as_dtype(dtype),
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=False,
            name=name,
        )

    def given(self, condition: tf.Tensor) -> GivenAutoregressive:
        """Return the same density with its condition ``[..., C]`` filled in."""
        return GivenAutoregressive(self, condition)

    def _sample_n(self, n: Any, seed: Any = None, condition: tf.Tensor | None = None) -> tf.Tensor:
        noise = tf.random.stateless_normal(
            [n, self.event_size, 2], tfp.random.sanitize_seed(seed), dtype=self.dtype
        )
        return self.from_noise(noise, condition)

    def _batch_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.constant([], tf.int32)

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([self.event_size])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([self.event_size])

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        return {}


class GivenAutoregressive(tfp.distributions.Distribution):
    """Conditional density with its condition filled in; its batch shape is the condition's.

    Args:
        density: the conditional density.
        condition: ``[..., C]``.
    """

    def __init__(self, density: Autoregressive, condition: tf.Tensor):
        self.density, self.condition = density, condition
        super().__init__(
            dtype=density.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=False,
            name=f"given_{density.name}",
        )

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        return self.density.log_prob(x, condition=self.condition)

    def _sample_n(self, n: Any, seed: Any = None) -> tf.Tensor:
        shape = tf.concat(
            [[n], tf.shape(self.condition)[:-1], [self.density.event_size, 2]], axis=0
        )
        noise = tf.random.stateless_normal(shape, tfp.random.sanitize_seed(seed), dtype=self.dtype)
        return self.density.from_noise(noise, self.condition)

    def _batch_shape(self) -> tf.TensorShape:
        return self.condition.shape[:-1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.condition)[:-1]

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([self.density.event_size])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([self.density.event_size])

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: Any = None) -> dict[str, Any]:
        return {}
