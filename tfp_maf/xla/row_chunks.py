"""Functions of rows, compiled by XLA for a few fixed numbers of rows.

XLA compiles for one shape, and a new shape costs a second. Rows are taken in chunks of these
sizes, the last one padded with zeros, so that a function is compiled three times at most and its
memory does not grow with the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfp_maf.utils.garbage import paused_collector

SIZES = (100, 1_000, 10_000)
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
        function: of a tensor ``[N, n]``, N static, and of any further arguments; it returns a
            tensor ``[N, ...]``.
        sizes: of the chunks, in ascending order.
    """

    def __init__(self, function: Callable[..., tf.Tensor], *, sizes: tuple[int, ...] = SIZES):
        self._function, self._sizes = function, sizes
        self._by_shape: dict[tuple[int, ...], Any] = {}

    def _chunk(self, rows: tf.Tensor, *arguments: Any) -> tf.Tensor:
        shape = tuple(rows.shape)
        if shape in self._by_shape:
            return self._by_shape[shape](rows, *arguments)
        with paused_collector():  # tracing and compiling
            # A function without default arguments: binding those would fail at each call of a
            # concrete function, and TensorFlow then takes a slower way.
            compiled = tf.function(
                lambda rows, *arguments: self._function(rows, *arguments), jit_compile=True
            )
            self._by_shape[shape] = compiled.get_concrete_function(rows, *arguments)
            return self._by_shape[shape](rows, *arguments)

    def __call__(self, x: Any, *arguments: Any) -> tf.Tensor:
        """Return ``[N, ...]`` for ``[N, n]`` with any N of at least 1."""
        chunks, start = [], 0
        while start < x.shape[0]:
            size = chunk_size(x.shape[0] - start, self._sizes)
            rows = tf.convert_to_tensor(x[start : start + size])
            missing = size - rows.shape[0]
            if missing:
                rows = tf.pad(rows, [[0, missing], [0, 0]])
            chunk = self._chunk(rows, *arguments)
            chunks.append(chunk[: size - missing] if missing else chunk)
            start += size
        return chunks[0] if len(chunks) == 1 else tf.concat(chunks, axis=0)
