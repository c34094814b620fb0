"""A flow's functions in the units of the user's table, for its SavedModel."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from data_prep.splits import Scaler


def in_units(functions: dict[str, Any], scaler: Scaler, dtype: str) -> dict[str, Any]:
    """``log_prob``, ``noise`` and ``sample`` of rows ``x``, where the flow's are of ``z``.

    ``z = (x - mean) / scale`` a column, in float64, and ``log p(x) = log p(z) - sum log scale``.

    Args:
        functions: :attr:`Flow.functions`.
        scaler: of the table.
        dtype: the flow's.

    Returns:
        Functions with rows in float64 ``[N, D]`` in place of the flow's dtype.
    """
    mean, scale = (np.asarray(values, np.float64) for values in (scaler.mean, scaler.scale))
    rows = tf.TensorSpec([None, len(mean)], tf.float64)

    def standardised(x: tf.Tensor) -> tf.Tensor:
        return tf.cast((x - mean) / scale, dtype)

    def log_prob(x: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
        z = functions["log_prob"](standardised(x), *condition)
        return tf.cast(z, tf.float64) + scaler.log_det

    def noise(x: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
        return functions["noise"](standardised(x), *condition)

    def sample(n: tf.Tensor, seed: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
        return mean + scale * tf.cast(functions["sample"](n, seed, *condition), tf.float64)

    def signature(name: str, first: list[Any]) -> list[Any]:
        return [*first, *functions[name].input_signature[len(first) :]]

    return {
        "log_prob": tf.function(log_prob, input_signature=signature("log_prob", [rows])),
        "noise": tf.function(noise, input_signature=signature("noise", [rows])),
        "sample": tf.function(sample, input_signature=functions["sample"].input_signature),
    }
