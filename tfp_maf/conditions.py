"""What a conditional density is given: a label, or a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf import checks


@dataclass(frozen=True)
class Conditioning:
    """``p(x | c)`` for a vector c of ``condition_size`` numbers, or a label below ``num_labels``.

    A label enters networks as a vector of zeros with a one in its place, as in the paper
    (Papamakarios et al. 2017, arXiv 1705.07057, section 3.4).

    Raises:
        ValueError: both are given, or one is negative.
    """

    condition_size: int = 0
    num_labels: int = 0

    def __post_init__(self) -> None:
        for name in ("condition_size", "num_labels"):
            if getattr(self, name) != 0:
                checks.positive_integer(name, getattr(self, name))
        if self.condition_size and self.num_labels:
            raise ValueError("give condition_size or num_labels, not both")

    @property
    def size(self) -> int:
        """Numbers that the networks see, C; 0 for an unconditional density."""
        return self.condition_size or self.num_labels

    def rows(self, condition: Any, n: int, *, dtype: str, name: str = "condition") -> np.ndarray:
        """``[n, C]`` of labels ``[n]`` or vectors ``[n, C]``, or of one for all rows.

        Raises:
            ValueError: missing, unwanted, of another shape, not finite, or no such label; names
                the row.
        """
        if not self.size:
            if condition is not None:
                raise ValueError(f"{name} given to a flow without one")
            return np.empty([n, 0], dtype)
        if condition is None:
            what = "labels" if self.num_labels else f"vectors of {self.condition_size} numbers"
            raise ValueError(f"the flow is conditional: {name} must give {what}")
        if self.num_labels:
            return np.eye(self.num_labels, dtype=dtype)[self._labels(condition, n, name)]
        array = np.asarray(condition)
        if array.ndim == 1:
            array = np.broadcast_to(array, [n, len(array)])
        array = checks.rows(array, self.condition_size, dtype=dtype, name=name)
        if len(array) != n:
            raise ValueError(f"{name} has {len(array)} rows, but there are {n} events")
        return array

    def _labels(self, condition: Any, n: int, name: str) -> np.ndarray:
        labels = np.asarray(condition)
        if labels.ndim == 0:
            labels = np.broadcast_to(labels, [n])
        if labels.shape != (n,):
            raise ValueError(f"{name} must be labels of shape [{n}], got {list(labels.shape)}")
        if not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"{name} must be labels, integers, got {labels.dtype}")
        bad = np.flatnonzero((labels < 0) | (labels >= self.num_labels))
        if len(bad):
            raise ValueError(
                f"{name} has label {labels[bad[0]]} at row {bad[0]} (counted from 0); labels are "
                f"0 to {self.num_labels - 1}"
            )
        return labels

    def chunk(self, condition: Any, rows: slice) -> Any:
        """The part of a condition that belongs to some rows: all of it, if it is one for all."""
        per_row = np.ndim(condition) == (1 if self.num_labels else 2)
        return condition[rows] if per_row else condition

    def tensor(self, condition: tf.Tensor, dtype: str) -> tf.Tensor:
        """The same inside a ``tf.function``, where values can't be looked at."""
        if self.num_labels:
            return tf.one_hot(condition, self.num_labels, dtype=dtype)
        return tf.cast(condition, dtype)

    @property
    def specification(self) -> tf.TensorSpec:
        """Of :meth:`tensor`'s argument."""
        if self.num_labels:
            return tf.TensorSpec([None], tf.int32, name="condition")
        return tf.TensorSpec([None, self.condition_size], tf.float32, name="condition")
