"""Gated recurrent unit: a state that each step's inputs update.

Cho et al. 2014 (arXiv 1406.1078), with the reset gate after the matrix product, as in cuDNN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.networks.past import PastEncoder


class GatedRecurrentUnit(PastEncoder):
    """State ``h_t = z h_{t-1} + (1 - z) tanh(W x_t + r (U h_{t-1} + c) + b)``, itself the context.

    Its memory has no end: the context depends on all steps since the first one given.

    Args:
        input_size, past, size, dtype: see :class:`PastEncoder`.
        rng: of the initial weights.
    """

    def __init__(
        self,
        input_size: int,
        *,
        past: int,
        rng: np.random.Generator,
        size: int = 48,
        dtype: str = "float32",
    ):
        super().__init__(input_size, past=past, size=size, dtype=dtype)
        self.add(rng, input_size, 3 * size)
        self.add(rng, 3 * size)
        self.add(rng, size, 3 * size)
        self.add(rng, 3 * size)

    def _update(self, h: tf.Tensor, projected: tf.Tensor, weights: Sequence[Any]) -> tf.Tensor:
        """Return the next state for one step's ``W x_t + b``."""
        z, r, new = tf.split(projected, 3, axis=-1)
        of_z, of_r, of_new = tf.split(h @ weights[2] + weights[3], 3, axis=-1)
        keep = tf.sigmoid(z + of_z)
        return keep * h + (1 - keep) * tf.tanh(new + tf.sigmoid(r + of_r) * of_new)

    def __call__(self, inputs: tf.Tensor, weights: Sequence[Any] | None = None) -> tf.Tensor:
        """See :class:`PastEncoder`."""
        weights = self.weights if weights is None else list(weights)
        count = inputs.shape[1]
        projected = tf.transpose(inputs @ weights[0] + weights[1], [1, 0, 2])
        h = tf.zeros([inputs.shape[0], self.size], self.dtype)
        states = tf.TensorArray(self.dtype, count, element_shape=h.shape)

        def body(t: tf.Tensor, h: tf.Tensor, states: tf.TensorArray) -> Any:
            h = self._update(h, projected[t], weights)
            return [t + 1, h, states.write(t, h)]

        start = [tf.constant(0), h, states]
        _, _, states = tf.while_loop(lambda t, *_: t < count, body, start, maximum_iterations=count)
        return tf.transpose(states.stack(), [1, 0, 2])

    def empty(self, n: int) -> list[tf.Tensor]:
        """See :class:`PastEncoder`."""
        return [tf.zeros([n, self.size], self.dtype)]

    def step(self, cache: list[tf.Tensor], inputs: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See :class:`PastEncoder`."""
        projected = inputs @ self.weights[0] + self.weights[1]
        h = self._update(cache[0], projected, self.weights)
        return h, [h]
