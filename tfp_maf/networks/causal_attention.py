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

from tfp_maf.networks.past import PastEncoder

NEVER = -1e9  # logit of a step that is not seen


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
        """Return queries, keys and values ``[B, T, H, C/H]`` of steps ``[B, T, C]``."""
        each = [*h.shape[:2], self.heads, self.size // self.heads]
        return [tf.reshape(part, each) for part in tf.split(h @ weights[2], 3, axis=-1)]

    def _finished(self, h: tf.Tensor, seen: tf.Tensor, weights: Sequence[Any]) -> tf.Tensor:
        """Return contexts for steps and what they attend to, both ``[B, T, C]``."""
        h += tf.reshape(seen, h.shape) @ weights[4]
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
        bias += tf.constant(np.where(is_seen, 0.0, NEVER), self.dtype)
        h = inputs @ weights[0] + weights[1]
        q, k, v = self._projected(h, weights)
        logits = tf.einsum("bqhc,bkhc->bhqk", q, k) * self._scale + bias
        seen = tf.einsum("bhqk,bkhc->bqhc", tf.nn.softmax(logits), v)
        return self._finished(h, seen, weights)

    @property
    def _scale(self) -> float:
        return float((self.size // self.heads) ** -0.5)

    def empty(self, n: int) -> list[tf.Tensor]:
        """See :class:`PastEncoder`: keys and values of the past, and which of them there are."""
        each = [n, self.past, self.heads, self.size // self.heads]
        return [*tf.zeros([2, *each], self.dtype), tf.fill([n, self.past], NEVER)]

    def step(self, cache: list[tf.Tensor], inputs: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See :class:`PastEncoder`."""
        h = (inputs @ self.weights[0] + self.weights[1])[:, None]
        q, k, v = self._projected(h, self.weights)
        keys, values = (
            tf.concat([old[:, 1:], new], axis=1) for old, new in zip(cache, (k, v), strict=False)
        )
        absent = tf.pad(cache[2][:, 1:], [[0, 0], [0, 1]])
        bias = tf.transpose(tf.reverse(tf.convert_to_tensor(self.weights[3]), [0]))
        logits = tf.einsum("bqhc,bkhc->bhqk", q, keys) * self._scale + bias[:, None]
        logits += tf.cast(absent, self.dtype)[:, None, None]
        seen = tf.einsum("bhqk,bkhc->bqhc", tf.nn.softmax(logits), values)
        return self._finished(h, seen, self.weights)[:, 0], [keys, values, absent]
