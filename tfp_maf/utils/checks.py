"""Checks of arguments, with messages that name the argument and, for arrays, the row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_maf.data_prep.splits import first_not_finite


def check_rows(
    x: Any, event_size: int, *, dtype: str, name: str = "x", first_row: int = 0
) -> np.ndarray:
    """Convert ``x`` to ``dtype``, and check that it has shape ``[N, event_size]`` and is finite.

    Args:
        x: array or tensor of rows.
        event_size: required number of columns.
        dtype: data type to convert to.
        name: name of the argument, for error messages.
        first_row: number of the first row, for error messages.

    Returns:
        An array.

    Raises:
        ValueError: ``x`` has another shape, is not numeric, or has a value that is not finite in
            ``dtype``.
    """
    try:
        with np.errstate(over="ignore"):  # overflow is reported below, as infinity
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
    """Raise ValueError unless ``value`` is an integer above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def check_positive(name: str, value: Any, *, or_zero: bool = False) -> None:
    """Raise ValueError unless ``value`` is a finite number above 0, or 0 with ``or_zero``."""
    number = isinstance(value, (int, float, np.number)) and math.isfinite(value)
    if not number or value < 0 or (value == 0 and not or_zero):
        least = "of at least 0" if or_zero else "above 0"
        raise ValueError(f"{name} must be a finite number {least}, got {value!r}")


def check_one_of(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Raise ValueError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def check_activation(value: Any, *, name: str = "activation") -> None:
    """Raise ValueError unless ``value`` is the name of an elementwise Keras activation.

    Activations such as softmax mix hidden units regardless of the masks, so that the network would
    not be autoregressive.
    """
    try:
        function = tf_keras.activations.get(value) if isinstance(value, str) else None
    except ValueError:
        function = None
    if function is None:
        raise ValueError(f"{name} must be the name of a Keras activation, got {value!r}")
    one, other = function(tf.constant([[0.5, 1.0], [0.5, 3.0]])).numpy()
    if one[0] != other[0]:
        raise ValueError(f"{name} must be elementwise, but {value!r} mixes units")
