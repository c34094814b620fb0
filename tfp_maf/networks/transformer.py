"""Causal Transformer: what it says of a token is a function of the tokens before.

It stands where MADE stands in a MAF (Zhai et al. 2024, TarFlow, arXiv 2412.06329): its
outputs are the parameters of token t, its inputs the tokens before t. The inputs are shifted by one
position, behind a start token, and attention is inclusive::

    inputs   start  x_1  x_2  ...  x_{T-1}
    outputs    1     2    3   ...    T
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_maf.networks.attention import Cache, MaskedAttention, causal_mask
from tfp_maf.networks.dense import dense_layer

EXPANSION = 4  # hidden units of each position's own network, in widths
POSITION_SCALE = 0.02  # of initial position embeddings
EPSILON = 1e-5  # of normalisation


class TransformerLayer(tf.Module):
    """Attention among positions, then a small network at each; both add to their input.

    ``h <- h + attention(norm(h))``, ``h <- h + network(norm(h))``, with :func:`normalised` as
    ``norm`` (Xiong et al. 2020, arXiv 2002.04745, call it pre-norm).

    Args:
        width, heads, mask, rng, dtype: of :class:`MaskedAttention`.
        activation: of the network's hidden layer.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        mask: np.ndarray,
        activation: str,
        rng: np.random.Generator,
        dtype: str,
    ):
        super().__init__()
        self.attention = MaskedAttention(width, heads=heads, mask=mask, rng=rng, dtype=dtype)
        hidden = EXPANSION * width
        self.hidden = dense_layer(width, hidden, activation=activation, rng=rng, dtype=dtype)
        self.output = dense_layer(hidden, width, rng=rng, dtype=dtype)

    def __call__(self, h: tf.Tensor) -> tf.Tensor:
        """Return ``[N, T, W]`` for ``[N, T, W]``."""
        h += self.attention(normalised(h))
        return h + self._network(h)

    def step(self, h: tf.Tensor, cache: Cache, t: tf.Tensor) -> tuple[tf.Tensor, Cache]:
        """Return the output ``[N, W]`` at position ``t`` for ``[N, W]``, and the cache."""
        seen, cache = self.attention.step(normalised(h), cache, t)
        h += seen
        return h + self._network(h), cache

    def _network(self, h: tf.Tensor) -> tf.Tensor:
        return self.output(self.hidden(normalised(h)))


def normalised(h: tf.Tensor) -> tf.Tensor:
    """Return ``(h - mean) / deviation`` over the last axis (Ba et al. 2016, arXiv 1607.06450).

    It has no gain and bias of its own: the dense layers behind it have.
    """
    centred = h - tf.reduce_mean(h, axis=-1, keepdims=True)
    variance = tf.reduce_mean(centred**2, axis=-1, keepdims=True)
    return centred * tf.math.rsqrt(variance + EPSILON)


class CausalTransformer(tf.Module):
    """Outputs ``[N, T, n_out]``, output t a function of tokens ``1..t-1`` and of the condition.

    Args:
        tokens: number of tokens, T.
        n_in, n_out: sizes of a token and of its outputs. Outputs are zero at first.
        widths: size of each layer; all are equal.
        heads: attention heads per layer.
        activation: of the networks at each position.
        condition_size: C, 0 for none; the condition is added to every token.
        rng, dtype: of the initial weights.
    """

    def __init__(
        self,
        tokens: int,
        *,
        n_in: int,
        n_out: int,
        widths: Sequence[int],
        heads: int,
        activation: str,
        rng: np.random.Generator,
        dtype: str,
        condition_size: int = 0,
    ):
        super().__init__()
        width = widths[0]
        self.tokens, self.width, self.dtype = tokens, width, dtype
        self.embedding = dense_layer(n_in, width, rng=rng, dtype=dtype)
        self.start = tf.Variable(tf.zeros([width], dtype), name="start")
        places = rng.normal(size=[tokens, width], scale=POSITION_SCALE)
        self.positions = tf.Variable(tf.constant(places, dtype), name="positions")
        self.condition = None
        if condition_size:
            self.condition = dense_layer(condition_size, width, rng=rng, dtype=dtype)
        mask = causal_mask(tokens)
        self.layers = [
            TransformerLayer(
                width, heads=heads, mask=mask, activation=activation, rng=rng, dtype=dtype
            )
            for width in widths
        ]
        self.output = dense_layer(width, n_out, zeros=True, rng=rng, dtype=dtype)

    def __call__(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """Return outputs ``[N, T, n_out]`` for tokens ``[N, T, n_in]``, conditions ``[N, C]``."""
        before = self.embedding(x[:, :-1])
        start = tf.broadcast_to(self.start, [tf.shape(x)[0], 1, self.width])
        h = tf.concat([start, before], axis=1) + self.positions
        if self.condition is not None:
            h += self.condition(condition)[:, None]
        for layer in self.layers:
            h = layer(h)
        return self.output(h)

    def empty_caches(self, n: tf.Tensor | int) -> list[Cache]:
        """Return each layer's cache for ``n`` sequences before their first token."""
        return [layer.attention.empty_cache(n) for layer in self.layers]

    def step(
        self,
        before: tf.Tensor,
        caches: Sequence[Cache],
        t: tf.Tensor,
        condition: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, list[Cache]]:
        """Return the outputs ``[N, n_out]`` of token ``t``, and the caches.

        Args:
            before: the token before it, ``[N, n_in]``; any values for the first.
            caches: of each layer, as from :meth:`empty_caches` or the step before.
            t: number of the token, from 0.
            condition: ``[N, C]``, or None.
        """
        h = tf.where(t > 0, self.embedding(before), self.start) + tf.gather(self.positions, t)
        if self.condition is not None:
            h += self.condition(condition)
        kept = []
        for layer, cache in zip(self.layers, caches, strict=True):
            h, cache = layer.step(h, cache, t)
            kept.append(cache)
        return self.output(h), kept
