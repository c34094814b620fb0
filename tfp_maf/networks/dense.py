"""Dense networks of coupling layers, and functions that they share with masked networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras


class DenseNetwork(tf.Module):
    """Network of dense layers, the last without activation; a condition joins the inputs.

    Args:
        n_in, n_out: sizes of input and output.
        hidden_units: sizes between.
        activation: of the hidden layers, a Keras name.
        condition_size: C, 0 for none.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        hidden_units: Sequence[int],
        activation: str,
        rng: np.random.Generator,
        dtype: str,
        condition_size: int = 0,
    ):
        super().__init__()
        self.activation, self.condition_size = activation, condition_size
        sizes = [n_in + condition_size, *hidden_units, n_out]
        self.layers = []
        for i, (below, above) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            used = activation if i < len(hidden_units) else None
            self.layers.append(dense_layer(below, above, activation=used, rng=rng, dtype=dtype))

    def __call__(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``[..., n_out]`` for ``[..., n_in]`` and ``[..., C]``."""
        h = x
        if condition is not None:
            h = tf.concat([x, broadcast_condition(condition, x)], axis=-1)
        if h.shape.rank == 1:  # Keras layers take batches
            return self._run(h[None])[0]
        return self._run(h)

    def _run(self, h: tf.Tensor) -> tf.Tensor:
        for layer in self.layers:
            h = layer(h)
        return h


def dense_layer(
    n_in: int,
    n_out: int,
    *,
    rng: np.random.Generator,
    dtype: str,
    activation: str | None = None,
    zeros: bool = False,
) -> tf_keras.layers.Dense:
    """Return a dense layer whose variables exist: Glorot uniform weights, or zeros."""
    layer = tf_keras.layers.Dense(
        n_out,
        activation=activation,
        kernel_initializer="zeros" if zeros else glorot_uniform(rng),
        dtype=dtype,
    )
    layer.build([None, n_in])
    return layer


def broadcast_condition(condition: tf.Tensor | None, x: tf.Tensor) -> tf.Tensor | None:
    """Return a condition ``[..., C]`` repeated over the batch of ``x [..., D]``."""
    if condition is None or (
        condition.shape.is_fully_defined()
        and x.shape.is_fully_defined()
        and condition.shape[:-1] == x.shape[:-1]
    ):
        return condition
    shape = tf.concat([tf.shape(x)[:-1], condition.shape[-1:]], axis=0)
    return tf.ensure_shape(tf.broadcast_to(condition, shape), [*x.shape[:-1], condition.shape[-1]])


def glorot_uniform(rng: np.random.Generator) -> Callable[..., tf.Tensor]:
    """Return a Keras initializer that draws from ``rng``."""

    # Keras's own, given a seed, would start equal shapes with equal weights.
    def initializer(shape: Sequence[int], dtype: tf.DType | None = None) -> tf.Tensor:
        limit = np.sqrt(6 / sum(shape))
        return tf.constant(rng.uniform(-limit, limit, shape), dtype or tf.float32)

    return initializer


def bounded(log_scale: tf.Tensor, bound: float | None) -> tf.Tensor:
    """Return ``bound * tanh(log_scale / bound)``, or ``log_scale`` if there is no bound."""
    return log_scale if bound is None else bound * tf.tanh(log_scale / bound)
