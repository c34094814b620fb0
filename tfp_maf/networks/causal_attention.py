"""Causal attention over the last steps: one block of a decoder-only transformer.

Vaswani et al. 2017 (arXiv 1706.03762), section 3.2, with a learned bias for each lag in place of
positional encodings: what a step sees does not depend on when it is. A step attends to itself and
to the ``past - 1`` steps before it, no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.networks.attention import attend
from tfp_maf.networks.past import PastEncoder


class CausalAttention(PastEncoder):
    """One block: heads of attention, and a hidden layer, both with residual connections.

    Args:
        input_size, past, size, dtype: see :class:`PastEncoder`.
        heads: number of heads, which divides ``size``.
        rng: of the initial weights.

    Raises:
        ValueError: If the heads do not divide the size.
    """

    def __init__(
        self,
        input_size: int,
        *,
        past: int,
        rng: np.random.Generator,
        size: int = 32,
        heads: int = 4,
        dtype: str = "float32",
    ):
        super().__init__(input_size, past=past, size=size, dtype=dtype)
        if size % heads:
            raise ValueError(f"heads={heads} must divide size={size}")
        self.heads = heads
        self.add(rng, input_size, size)
        self.add(rng, size)
        self.add(rng, size, 3 * size)
        self.add(rng, past, heads)
        self.add(rng, size, size)
        self.add(rng, size, 2 * size)
        self.add(rng, 2 * size)
        self.add(rng, 2 * size, size)
        self.add(rng, size)

    def _projected(self, h: tf.Tensor, weights: Sequence[Any]) -> list[tf.Tensor]:
        """Return queries, keys and values ``[B, H, T, C/H]`` of steps ``[B, T, C]``."""
        each = [*h.shape[:2], self.heads, self.size // self.heads]
        parts = tf.split(h @ weights[2], 3, axis=-1)
        return [tf.transpose(tf.reshape(part, each), [0, 2, 1, 3]) for part in parts]

    def _finished(self, h: tf.Tensor, seen: tf.Tensor, weights: Sequence[Any]) -> tf.Tensor:
        """Return contexts for steps ``[B, T, C]`` and what they attend to ``[B, H, T, C/H]``."""
        h += tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), h.shape) @ weights[4]
        hidden = tf.nn.relu(h @ weights[5] + weights[6])
        return tf.tanh(h + hidden @ weights[7] + weights[8])

    def __call__(self, inputs: tf.Tensor, weights: Sequence[Any] | None = None) -> tf.Tensor:
        """See :class:`PastEncoder`."""
        weights = self.weights if weights is None else weights
        count = inputs.shape[1]
        lags = np.arange(count)[:, None] - np.arange(count)
        is_seen = (lags >= 0) & (lags < self.past)
        one_hot = np.eye(self.past)[np.where(is_seen, lags, 0)].reshape(-1, self.past)
        bias = tf.constant(one_hot, self.dtype) @ weights[3]
        bias = tf.transpose(tf.reshape(bias, [count, count, self.heads]), [2, 0, 1])
        h = inputs @ weights[0] + weights[1]
        queries, keys, values = self._projected(h, weights)
        seen = attend(queries, keys, values, is_seen, bias=bias)
        return self._finished(h, seen, weights)

    def empty(self, n: int) -> list[tf.Tensor]:
        """See :class:`PastEncoder`: keys and values of the past, and which of them there are."""
        each = [n, self.heads, self.past, self.size // self.heads]
        return [*tf.zeros([2, *each], self.dtype), tf.zeros([n, self.past], tf.bool)]

    def step(self, cache: list[tf.Tensor], inputs: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See :class:`PastEncoder`."""
        h = (inputs @ self.weights[0] + self.weights[1])[:, None]
        queries, *new = self._projected(h, self.weights)
        keys, values = (
            tf.concat([old[:, :, 1:], one], axis=2) for old, one in zip(cache[:2], new, strict=True)
        )
        is_there = tf.concat([cache[2][:, 1:], tf.ones_like(cache[2][:, :1])], axis=1)
        bias = tf.transpose(tf.reverse(tf.convert_to_tensor(self.weights[3]), [0]))
        seen = attend(queries, keys, values, is_there[:, None, None], bias=bias[:, None])
        return self._finished(h, seen, self.weights)[:, 0], [keys, values, is_there]
