"""Encoders of the past: from the inputs of steps ``[B, T, F]`` to contexts ``[B, T, C]``.

The context at step t is a function of the inputs at t and before, never after: the condition of
step t+1's density. All steps are computed in one pass; to sample, ``step`` computes one more from a
cache of what the steps before left. Weights are arguments, as everywhere in :mod:`tfp_maf.xla`, so
that one compiled program trains them.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.utils.checks import check_one_of, check_positive_integer

# Module and class of each encoder.
ENCODERS = {
    "attention": ("causal_attention", "CausalAttention"),
    "convolution": ("causal_convolution", "CausalConvolution"),
    "gru": ("gru", "GatedRecurrentUnit"),
    "window": ("past", "PastWindow"),
}


class PastEncoder(tf.Module):
    """Base of all encoders.

    Attributes:
        past: number k of steps that a context depends on at least; but for a recurrent network
            it is also the most.
        size: length C of a context.
        weights: trained variables, in the order of the arguments ``weights``.

    Args:
        input_size: length F of a step's inputs.
        past: see above.
        size: see above.
        dtype: of weights, inputs and contexts.
    """

    def __init__(self, input_size: int, *, past: int, size: int, dtype: str = "float32"):
        super().__init__()
        for name, value in (("input_size", input_size), ("past", past), ("size", size)):
            check_positive_integer(name, value)
        self.input_size, self.past, self.size, self.dtype = input_size, past, size, dtype
        self.weights: list[tf.Variable] = []

    def add(self, rng: np.random.Generator, *shape: int) -> None:
        """Add a kernel drawn by Glorot's rule, or a bias of zeros."""
        value = np.zeros(shape)
        if len(shape) > 1:
            limit = np.sqrt(6 / sum(shape))
            value = rng.uniform(-limit, limit, shape)
        self.weights.append(tf.Variable(value, dtype=self.dtype))

    def __call__(self, inputs: tf.Tensor, weights: Sequence[Any] | None = None) -> tf.Tensor:
        """Return contexts ``[B, T, C]`` for inputs ``[B, T, F]``, nothing before the first."""
        raise NotImplementedError

    def empty(self, n: int) -> list[tf.Tensor]:
        """Return the cache of ``n`` series before their first step."""
        raise NotImplementedError

    def step(self, cache: list[tf.Tensor], inputs: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the contexts ``[N, C]`` after one more step's inputs ``[N, F]``, and the cache."""
        raise NotImplementedError


class PastWindow(PastEncoder):
    """The last k steps' first columns as they are, the latest first: no weights.

    The networks of the density that is given this context are then the first layers to see the
    past. It suits a short past, or short clips.

    Args:
        input_size, past, dtype: see :class:`PastEncoder`.
        columns: number of the inputs' columns that are kept; all by default.
    """

    def __init__(
        self, input_size: int, *, past: int, columns: int | None = None, dtype: str = "float32"
    ):
        self.columns = input_size if columns is None else columns
        super().__init__(input_size, past=past, size=past * self.columns, dtype=dtype)

    def __call__(self, inputs: tf.Tensor, weights: Sequence[Any] | None = None) -> tf.Tensor:
        """See :class:`PastEncoder`."""
        kept = inputs[:, :, : self.columns]
        return tf.concat([delayed(kept, lag) for lag in range(self.past)], axis=2)

    def empty(self, n: int) -> list[tf.Tensor]:
        """See :class:`PastEncoder`."""
        return [tf.zeros([n, self.size], self.dtype)]

    def step(self, cache: list[tf.Tensor], inputs: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """See :class:`PastEncoder`."""
        kept = cache[0][:, : self.size - self.columns]
        context = tf.concat([inputs[:, : self.columns], kept], axis=1)
        return context, [context]


def delayed(x: tf.Tensor, lag: int) -> tf.Tensor:
    """Return ``x[:, t - lag]`` at each step t of ``[B, T, F]``, zeros before the first."""
    if lag == 0:
        return x
    return tf.pad(x, [[0, 0], [lag, 0], [0, 0]])[:, : x.shape[1]]


def build_encoder(kind: str, input_size: int, *, past: int, **options: Any) -> PastEncoder:
    """Return an encoder by its name: attention, convolution, gru or window.

    Args:
        kind: its name.
        input_size, past: see :class:`PastEncoder`.
        options: further arguments of its class.

    Raises:
        ValueError: If the name is unknown, or an argument is out of its range.
    """
    check_one_of("encoder", kind, tuple(ENCODERS))
    module, name = ENCODERS[kind]
    cls = getattr(importlib.import_module(f"tfp_maf.networks.{module}"), name)
    return cls(input_size, past=past, **options)
