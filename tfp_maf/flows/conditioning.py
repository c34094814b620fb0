"""What a conditional density is given: a label, or a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.utils.checks import check_positive_integer, check_rows


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
                check_positive_integer(name, getattr(self, name))
        if self.condition_size and self.num_labels:
            raise ValueError("give condition_size or num_labels, not both")

    @property
    def size(self) -> int:
        """Numbers that the networks see, C; 0 for an unconditional density."""
        return self.condition_size or self.num_labels

    def rows(
        self, condition: Any, n: int, *, dtype: str, name: str = "condition", first_row: int = 0
    ) -> np.ndarray:
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
            return np.eye(self.num_labels, dtype=dtype)[self._labels(condition, n, name, first_row)]
        array = np.asarray(condition)
        if array.ndim == 1:
            array = np.broadcast_to(array, [n, len(array)])
        array = check_rows(array, self.condition_size, dtype=dtype, name=name, first_row=first_row)
        if len(array) != n:
            raise ValueError(f"{name} has {len(array)} rows, but there are {n} events")
        return array

    def _labels(self, condition: Any, n: int, name: str, first_row: int) -> np.ndarray:
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
                f"{name} has label {labels[bad[0]]} at row {first_row + bad[0]} (counted from 0); "
                f"labels are 0 to {self.num_labels - 1}"
            )
        return labels

    def chunk(self, condition: Any, rows: slice) -> Any:
        """The part of a condition that belongs to some rows: all of it, if it is one for all."""
        return condition[rows] if self._is_per_row(condition) else condition

    def check_length(self, condition: Any, n: int) -> None:
        """Raises ValueError unless a condition is one for all rows, or one for each of ``n``."""
        if self._is_per_row(condition) and len(condition) != n:
            raise ValueError(f"condition has {len(condition)} rows, but there are {n} events")

    def _is_per_row(self, condition: Any) -> bool:
        return np.ndim(condition) == (1 if self.num_labels else 2)

    def tensor(self, condition: tf.Tensor, dtype: str) -> tf.Tensor:
        """The same inside a ``tf.function``, where values can't be looked at."""
        if not self.num_labels:
            return tf.cast(condition, dtype)
        # A label that is none gives NaN, not the density of no label at all.
        known = (condition >= 0) & (condition < self.num_labels)
        off = tf.where(known, tf.constant(0, dtype), tf.constant(np.nan, dtype))
        return tf.one_hot(condition, self.num_labels, dtype=dtype) + off[..., None]

    def specification(self, dtype: str) -> tf.TensorSpec:
        """Of :meth:`tensor`'s argument."""
        if self.num_labels:
            return tf.TensorSpec([None], tf.int32, name="condition")
        return tf.TensorSpec([None, self.condition_size], dtype, name="condition")
