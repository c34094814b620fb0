"""Condition of a conditional density: a label, or a vector (the paper's section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.utils.checks import check_positive_integer, check_rows


@dataclass(frozen=True)
class Conditioning:
    """Condition c of ``p(x | c)``: ``condition_size`` numbers, or a label below ``num_labels``.

    A label enters networks as a vector of zeros with a one in its place, as in the paper
    (Papamakarios et al. 2017, arXiv 1705.07057, section 3.4).

    Raises:
        ValueError: If both are given, or one is negative.
    """

    condition_size: int = 0
    num_labels: int = 0

    def __post_init__(self) -> None:
        for name in ("condition_size", "num_labels"):
            if getattr(self, name) != 0:
                check_positive_integer(name, getattr(self, name))
        if self.condition_size and self.num_labels:
            raise ValueError("give condition_size or num_labels, not both")

    @property
    def size(self) -> int:
        """Length C of the networks' condition; 0 for an unconditional density."""
        return self.condition_size or self.num_labels

    def check_presence(self, condition: Any, *, name: str = "condition") -> None:
        """Check that a condition is given if and only if one is needed.

        Raises:
            ValueError: If it is missing or unwanted.
        """
        if not self.size and condition is not None:
            raise ValueError(f"{name} given to a flow without one")
        if self.size and condition is None:
            what = "labels" if self.num_labels else f"vectors of {self.condition_size} numbers"
            raise ValueError(f"the flow is conditional: {name} must give {what}")

    def array(self, condition: Any, *, name: str = "condition", first_row: int = 0) -> np.ndarray:
        """Return labels ``[...]``, or vectors ``[..., C]`` in float64, checked.

        Raises:
            ValueError: If the shape is wrong, a value is not finite, or a label is unknown; the
                message names the row.
        """
        if self.num_labels:
            return self._labels(condition, name, first_row)
        array = np.asarray(condition)
        rows = array.reshape(-1, array.shape[-1]) if array.ndim else array
        checked = check_rows(
            rows, self.condition_size, dtype="float64", name=name, first_row=first_row
        )
        return checked.reshape(array.shape)

    def _labels(self, condition: Any, name: str, first_row: int) -> np.ndarray:
        labels = np.asarray(condition)
        if not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"{name} must be labels, integers, got {labels.dtype}")
        bad = np.flatnonzero((labels < 0) | (labels >= self.num_labels))
        if len(bad):
            raise ValueError(
                f"{name} has label {labels.ravel()[bad[0]]} at row {first_row + bad[0]} (counted "
                f"from 0); labels are 0 to {self.num_labels - 1}"
            )
        return labels

    def batch_shape(self, condition: np.ndarray) -> tuple[int, ...]:
        """Return the batch shape of a checked condition."""
        return condition.shape if self.num_labels else condition.shape[:-1]

    def chunk(self, condition: Any, rows: slice) -> Any:
        """Return the condition of some rows; one that all rows share is returned whole."""
        return condition[rows] if self._is_per_row(condition) else condition

    def check_length(self, condition: Any, n: int) -> None:
        """Check that there is one condition for all rows, or one for each of ``n`` rows.

        Raises:
            ValueError: If there is another number of conditions.
        """
        if self._is_per_row(condition) and len(condition) != n:
            raise ValueError(f"condition has {len(condition)} rows, but there are {n} events")

    def _is_per_row(self, condition: Any) -> bool:
        return np.ndim(condition) == (1 if self.num_labels else 2)

    def tensor(self, condition: Any, dtype: str) -> tf.Tensor:
        """Return the networks' input ``[..., C]``, also inside a ``tf.function``.

        In a graph, labels can't be checked: an unknown one gives NaN, not the density given an
        all-zero vector.
        """
        if not self.num_labels:
            if not tf.is_tensor(condition):  # tf.cast would round Python's numbers to float32
                condition = np.asarray(condition, dtype)
            return tf.cast(condition, dtype)
        labels = tf.convert_to_tensor(condition)
        known = (labels >= 0) & (labels < self.num_labels)
        off = tf.where(known, tf.constant(0, dtype), tf.constant(np.nan, dtype))
        return tf.one_hot(labels, self.num_labels, dtype=dtype) + off[..., None]

    def specification(self, dtype: str) -> tf.TensorSpec:
        """Return the specification of :meth:`tensor`'s argument, one row per event."""
        if self.num_labels:
            return tf.TensorSpec([None], tf.int32, name="condition")
        return tf.TensorSpec([None, self.condition_size], dtype, name="condition")
