"""Functions of rows, compiled by XLA for a few fixed numbers of rows.

XLA compiles for one shape, and a new shape costs a second. Rows are taken in chunks of these
sizes, the last one padded with zeros, so that a function is compiled three times at most and its
memory does not grow with the table. A function that is called with very few rows, in serving, may
also be compiled for these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.utils.garbage import paused_collector

SIZES = (100, 1_000, 10_000)
# One row of a MAF(10) takes a sixth of the time of a hundred.
SMALL = (1, 10)
# Up to this many chunks of one size cost less than one, padded, of the next. The largest size
# is never padded: ten chunks of the second cost as much.
MOST_CHUNKS = 3


def chunk_size(rows: int, sizes: tuple[int, ...] = SIZES) -> int:
    """Return the size of the next chunk when this many rows are left."""
    for size in sizes[:-1]:
        if rows <= MOST_CHUNKS * size:
            return size
    return sizes[-1] if rows >= sizes[-1] or len(sizes) == 1 else sizes[-2]


class RowChunks:
    """Function of rows ``[N, n]``, independent of each other, compiled for chunks of fixed size.

    Args:
        function: of a tensor ``[N, n]``, N static, and of any further tensors and lists of them;
            it returns a tensor ``[N, ...]``.
        sizes: of the chunks, in ascending order.
        small: sizes, in ascending order, for calls with no more rows than that.
        has_loops: whether the function has Python loops over tensors, which AutoGraph must convert.
            Without it, tracing takes a third of the time.
    """

    def __init__(
        self,
        function: Callable[..., tf.Tensor],
        *,
        sizes: tuple[int, ...] = SIZES,
        small: tuple[int, ...] = (),
        has_loops: bool = False,
    ):
        self._function, self._sizes, self._small = function, sizes, small
        self._has_loops = has_loops
        self._by_shape: dict[tuple[int, ...], Any] = {}

    def _chunk(self, rows: tf.Tensor, arguments: Sequence[Any]) -> tf.Tensor:
        shape = tuple(rows.shape)
        if shape not in self._by_shape:
            with paused_collector():
                self._by_shape[shape] = self._traced(rows, arguments)
                return self._by_shape[shape](rows, arguments)  # compiles
        return self._by_shape[shape](rows, arguments)

    def _traced(self, rows: tf.Tensor, arguments: Sequence[Any]) -> Callable[..., tf.Tensor]:
        # Without default arguments, whose binding would fail in each call.
        compiled = tf.function(
            lambda rows, *arguments: self._function(rows, *arguments),
            jit_compile=True,
            autograph=self._has_loops,
        )
        concrete = compiled.get_concrete_function(rows, *arguments)

        def call(rows: tf.Tensor, arguments: Sequence[Any]) -> tf.Tensor:
            # Called by its name, a concrete function checks and sorts its arguments, which takes
            # twice as long as one row.
            return concrete._call_flat(
                [rows, *tf.nest.flatten(arguments)], concrete.captured_inputs
            )

        return call

    def __call__(self, x: Any, *arguments: Any) -> tf.Tensor:
        """Return ``[N, ...]`` for ``[N, n]`` with any N of at least 1."""
        count = x.shape[0]
        for size in self._small:
            if count <= size:
                return self._padded(x, size, arguments)
        chunks, start = [], 0
        while start < count:
            size = chunk_size(count - start, self._sizes)
            chunks.append(self._padded(x[start : start + size], size, arguments))
            start += size
        return chunks[0] if len(chunks) == 1 else tf.concat(chunks, axis=0)

    def _padded(self, rows: Any, size: int, arguments: Sequence[Any]) -> tf.Tensor:
        count = rows.shape[0]
        if count == size:
            return self._chunk(tf.constant(rows), arguments)
        # NumPy's slices and copies take a tenth of the time of TensorFlow's.
        rows = np.asarray(rows)
        padded = np.zeros([size, rows.shape[1]], rows.dtype)
        padded[:count] = rows
        return tf.constant(np.asarray(self._chunk(tf.constant(padded), arguments))[:count])
