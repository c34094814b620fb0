"""Dilated causal convolution: WaveNet's stack of gated residual layers over the past.

van den Oord et al. 2016 (arXiv 1609.03499), section 2. Layer i sees step t and step t - d_i, with
d = 1, 2, 4, ...: n layers see 2^n steps. A convolution of width 2 is written as two matrix
products, of the steps and of the steps d before them: XLA's convolutions are slow on CPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.networks.past import PastEncoder, delayed

PARTS = 5  # weights per layer: of now, of before, bias, skip, residual; the last has no residual


def dilations_of(past: int) -> list[int]:
    """Return 1, 2, 4, ..., the last one such that the layers see exactly ``past`` steps."""
    dilations, seen = [], 1
    while seen < past:
        dilations.append(min(seen, past - seen))
        seen += dilations[-1]
    return dilations


class CausalConvolution(PastEncoder):
    """Gated layers ``tanh(a) * sigmoid(b)`` with residual and skip connections (equation 2).

    Args:
        input_size, past, size, dtype: see :class:`PastEncoder`.
        units: channels of the layers.
        rng: of the initial weights.
    """

    def __init__(
        self,
        input_size: int,
        *,
        past: int,
        rng: np.random.Generator,
        size: int = 32,
        units: int = 32,
        dtype: str = "float32",
    ):
        super().__init__(input_size, past=past, size=size, dtype=dtype)
        self.units, self.dilations = units, dilations_of(past)
        self.add(rng, input_size, units)
        self.add(rng, units)
        self.add(rng, units, size)
        self.add(rng, size)
        for i in range(len(self.dilations)):
            self.add(rng, units, 2 * units)
            self.add(rng, units, 2 * units)
            self.add(rng, 2 * units)
            self.add(rng, units, size)
            if i < len(self.dilations) - 1:
                self.add(rng, units, units)

    def _first(self, inputs: tf.Tensor, weights: Sequence[Any]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the first layer's steps, and what they add to the contexts themselves."""
        h = inputs @ weights[0] + weights[1]
        return h, h @ weights[2] + weights[3]

    def _own(self, i: int, weights: Sequence[Any]) -> Sequence[Any]:
        return weights[4 + PARTS * i : 4 + PARTS * (i + 1)]

    def _layer(
        self, h: tf.Tensor, before: tf.Tensor, weights: Sequence[Any]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a layer's steps and skip for its inputs and those a dilation earlier."""
        now, past, bias, skip, *residual = weights
        a, b = tf.split(h @ now + before @ past + bias, 2, axis=-1)
        gated = tf.tanh(a) * tf.sigmoid(b)
        return h + gated @ residual[0] if residual else h, gated @ skip

    def __call__(self, inputs: tf.Tensor, weights: Sequence[Any] | None = None) -> tf.Tensor:
        """See :class:`PastEncoder`."""
        weights = self.weights if weights is None else weights
        h, context = self._first(inputs, weights)
        for i, dilation in enumerate(self.dilations):
            h, skip = self._layer(h, delayed(h, dilation), self._own(i, weights))
            context += skip
        return tf.tanh(context)

    def empty(self, n: int) -> list[tf.Tensor]:
        """See :class:`PastEncoder`; a layer remembers as many steps as its dilation."""
        return [tf.zeros([n, dilation, self.units], self.dtype) for dilation in self.dilations]

    def step(self, cache: list[tf.Tensor], inputs: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See :class:`PastEncoder`."""
        h, context = self._first(inputs, self.weights)
        kept = []
        for i, steps in enumerate(cache):
            kept.append(tf.concat([steps[:, 1:], h[:, None]], axis=1))
            h, skip = self._layer(h, steps[:, 0], self._own(i, self.weights))
            context += skip
        return tf.tanh(context), kept
