"""Arguments checked once, with messages that name the argument and the row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from data_prep.splits import first_not_finite


def check_rows(x: Any, event_size: int, *, dtype: str, name: str = "x", first_row: int = 0) -> Any:
    """``x`` as an array or tensor ``[N, event_size]`` of finite ``dtype``.

    A symbolic tensor, inside a ``tf.function``, is not looked into.

    Raises:
        ValueError: another shape, text, NaN or infinity (also beyond float32's range).
    """
    if tf.is_tensor(x) and not isinstance(x, tf.__internal__.EagerTensor):
        return tf.cast(x, dtype)
    try:
        with np.errstate(over="ignore"):  # reported below, as infinite
            array = np.asarray(x).astype(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.ndim != 2 or array.shape[1] != event_size:
        raise ValueError(f"{name} must have shape [N, {event_size}], got {list(array.shape)}")
    bad = first_not_finite(array)
    if bad is not None:
        row, column = bad
        raise ValueError(
            f"{name} has {array[row, column]} at row {first_row + row}, column {column} "
            f"(counted from 0); remove or fill such values"
        )
    return array


def check_positive_integer(name: str, value: Any) -> None:
    """Raises ValueError unless ``value`` is an integer above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def check_positive(name: str, value: Any, *, or_zero: bool = False) -> None:
    """Raises ValueError unless ``value`` is a finite number above 0 (or 0, where allowed)."""
    number = isinstance(value, (int, float, np.number)) and math.isfinite(value)
    if not number or value < 0 or (value == 0 and not or_zero):
        least = "of at least 0" if or_zero else "above 0"
        raise ValueError(f"{name} must be a finite number {least}, got {value!r}")


def check_one_of(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Raises ValueError unless ``value`` is among ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def check_activation(value: Any, *, name: str = "activation") -> None:
    """Raises ValueError unless Keras knows an activation of this name, and it is elementwise.

    Softmax and its like mix hidden units, across the masks: no longer autoregressive.
    """
    try:
        function = tf_keras.activations.get(value) if isinstance(value, str) else None
    except ValueError:
        function = None
    if function is None:
        raise ValueError(f"{name} must be the name of a Keras activation, got {value!r}")
    one, other = function(tf.constant([[0.5, 1.0], [0.5, 3.0]])).numpy()
    if one[0] != other[0]:
        raise ValueError(f"{name} must act on each unit alone, but {value!r} mixes them")
