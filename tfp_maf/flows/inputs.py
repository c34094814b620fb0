"""Checks of events and sample shapes as users give them: arrays, tensors and DataFrames.

A density takes events ``[..., D]`` and conditions that broadcast against them, as any
``tfd.Distribution`` does. Inside, rows are ``[N, D + C]``, events and conditions side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfp_maf.utils.checks import check_rows


def is_tensor(value: Any) -> bool:
    """Return ``tf.is_tensor(value)``, at once for an array, for which it takes as long as a row."""
    return not (value is None or isinstance(value, np.ndarray)) and tf.is_tensor(value)


def is_symbolic(*values: Any) -> bool:
    """Return whether any value is a tensor of a graph that is being traced."""
    return any(
        is_tensor(value) and not isinstance(value, tf.__internal__.EagerTensor) for value in values
    )


def plain_array(x: Any, *, columns: tuple[str, ...] | None, name: str) -> Any:
    """Return ``x`` as an array, with a DataFrame's columns in the order of the flow's.

    Args:
        x: an array, tensor, list or DataFrame.
        columns: names that the flow was trained with, or None.
        name: name of the argument, for messages.

    Raises:
        ValueError: If columns are missing, or values are masked.
    """
    if isinstance(x, pd.DataFrame):
        if columns is not None:
            names = [str(column) for column in x.columns]
            missing = [column for column in columns if column not in names]
            if missing:
                raise ValueError(
                    f"{name} lacks the columns {missing}; the flow was trained on {list(columns)}"
                )
            x = x.iloc[:, [names.index(column) for column in columns]]
        x = x.to_numpy()
    if isinstance(x, np.ma.MaskedArray):
        if np.ma.is_masked(x):
            bad = [int(i) for i in np.argwhere(np.ma.getmaskarray(x))[0]]
            raise ValueError(
                f"{name} has masked values, the first at {bad} (counted from 0); "
                f"remove or fill such rows"
            )
        x = x.data
    return x


def checked_events(
    x: Any,
    event_size: int,
    *,
    columns: tuple[str, ...] | None,
    name: str = "x",
    first_row: int = 0,
) -> np.ndarray:
    """Return events ``[..., D]`` as a float64 array of finite numbers.

    Raises:
        ValueError: If the shape is wrong, or a value is missing, masked or not a finite number.
    """
    array = plain_array(x, columns=columns, name=name)
    try:
        array = np.asarray(array).astype(np.float64, copy=False)  # check_rows copies
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.ndim == 0 or array.shape[-1] != event_size:
        raise ValueError(f"{name} must have shape [..., {event_size}], got {list(array.shape)}")
    rows = array.reshape(-1, event_size)
    return check_rows(rows, event_size, dtype="float64", name=name, first_row=first_row).reshape(
        array.shape
    )


def static_shape(shape: Any) -> tuple[int, ...] | None:
    """Return a sample shape as numbers, or None where it is only known when a graph runs.

    Raises:
        ValueError: If it is not a shape, or a size is negative.
    """
    if isinstance(shape, tf.TensorShape):
        shape = shape.as_list()
    parts = shape if isinstance(shape, (list, tuple)) else [shape]
    if is_symbolic(*parts):
        shape = tf.get_static_value(tf.convert_to_tensor(shape))
        if shape is None:
            return None
    sizes = np.asarray(shape)
    if sizes.size == 0 and sizes.ndim == 1:
        return ()
    if sizes.ndim > 1 or not np.issubdtype(sizes.dtype, np.integer):
        raise ValueError(f"sample_shape must be an integer or several, got {shape!r}")
    if (sizes < 0).any():
        raise ValueError(f"sample_shape must not be negative, got {shape!r}")
    return tuple(int(size) for size in np.atleast_1d(sizes))
