"""Functions of rows, compiled by XLA for a few fixed numbers of them.

XLA compiles for one shape, and a new shape costs a second. Rows are taken in pieces of
these sizes, the last one padded with zeros, so that a function is compiled three times at most
and its memory does not grow with the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfp_maf.xla.layers import AutoregressiveLayer, Layer
from tfp_maf.xla.program import FlowProgram

SIZES = (100, 1_000, 10_000)
# Up to so many pieces of one size cost less than one, padded, of the next. The largest size
# is never padded: ten pieces of the second cost as much.
MOST_PIECES = 3


def piece_size(rows: int) -> int:
    """The size of the next piece when so many rows are left."""
    for size in SIZES[:-1]:
        if rows <= MOST_PIECES * size:
            return size
    return SIZES[-1] if rows >= SIZES[-1] else SIZES[-2]


class RowChunks:
    """``function`` of ``[N, n]``, each row for itself, in compiled pieces.

    Args:
        function: of a tensor ``[N, n]``, N static, and of any weights; gives a tensor
            ``[N, ...]``.
    """

    def __init__(self, function: Callable[..., tf.Tensor]):
        self._compiled = tf.function(function, jit_compile=True)
        self._by_size: dict[int, Any] = {}

    def _piece(self, rows: tf.Tensor, *weights: tf.Tensor) -> tf.Tensor:
        # A concrete function skips the search for its trace, a fifth of the time of 100 rows.
        size = rows.shape[0]
        if size not in self._by_size:
            self._by_size[size] = self._compiled.get_concrete_function(rows, *weights)
        return self._by_size[size](rows, *weights)

    def __call__(self, x: Any, *weights: tf.Tensor) -> tf.Tensor:
        """``[N, n]`` to ``[N, ...]``, any N from 1 on."""
        pieces, start = [], 0
        while start < x.shape[0]:
            size = piece_size(x.shape[0] - start)
            rows = tf.convert_to_tensor(x[start : start + size])
            missing = size - rows.shape[0]
            if missing:
                rows = tf.pad(rows, [[0, missing], [0, 0]])
            piece = self._piece(rows, *weights)
            pieces.append(piece[: size - missing] if missing else piece)
            start += size
        return pieces[0] if len(pieces) == 1 else tf.concat(pieces, axis=0)


def layer_inverses(stack: FlowProgram) -> list[Callable[[Any], tf.Tensor]]:
    """For each layer, data and condition ``[N, D + C]`` to noise ``[N, D]``.

    Layers that differ in their weights only share one compiled function.
    """
    by_signature: dict[Any, RowChunks] = {}

    def inverse(layer: Layer, rows: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        return layer.inverse(*stack.split(rows), layer.values(weights))[0]

    def compiled(layer: Layer) -> Callable[[Any], tf.Tensor]:
        if not isinstance(layer, AutoregressiveLayer):
            return lambda rows: inverse(layer, tf.convert_to_tensor(rows), layer.weights())
        if layer.signature not in by_signature:
            by_signature[layer.signature] = RowChunks(
                lambda rows, *weights: inverse(layer, rows, weights)
            )
        function = by_signature[layer.signature]
        return lambda rows: function(rows, *layer.weights())

    return [compiled(layer) for layer in stack.layers]
