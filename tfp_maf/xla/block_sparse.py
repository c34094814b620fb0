"""Masked kernels without their largest blocks of zeros.

Units sorted by degree make a mask triangular: a column needs the first rows only, those of
no larger degree. Cut into blocks of columns, each with the rows that any of its columns needs, a
kernel is multiplied, and optimised, without most of its zeros: for ``B`` blocks,
``(B + 1) / 2B`` of the products are left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# A smaller kernel is one block: below, copying parts costs more than multiplying by zeros.
SMALLEST_SPLIT = 2**16
COLUMNS = 64
MOST_BLOCKS = 8


class Blocks:
    """Division of a kernel ``[n_in, n_out * params]`` into blocks.

    A block has its columns grouped by parameter: TFP's output layer alternates shift and
    log_scale, which vector units are slow to take apart. ``count`` is the number of blocks.

    Args:
        mask: ``[n_in, n_out * params]``, columns in ascending order of degree.
        params: number of adjacent outputs that share a degree: 2 for shift and log_scale.
    """

    def __init__(self, mask: np.ndarray, *, params: int = 1):
        self.n_in, self.n_out, self.params = mask.shape[0], mask.shape[1] // params, params
        count = 1
        if mask.size >= SMALLEST_SPLIT:
            count = int(np.clip(self.n_out // COLUMNS, 1, MOST_BLOCKS))
        self.edges = [round(self.n_out * i / count) for i in range(count + 1)]
        last_row = np.where(mask > 0, np.arange(1, self.n_in + 1)[:, None], 1).max(axis=0)[::params]
        self.rows = [int(last_row[start:stop].max()) for start, stop in self._ranges()]
        if count == 1:
            self.rows = [self.n_in]
        self.is_whole = count == 1 and params == 1
        self.count = count

    def _ranges(self) -> list[tuple[int, int]]:
        return list(zip(self.edges[:-1], self.edges[1:], strict=True))

    def split(self, kernel: np.ndarray) -> list[np.ndarray]:
        """Cut a kernel ``[n_in, n_out * params]`` into blocks ``[rows, params * columns]``."""
        if self.is_whole:
            return [kernel]
        apart = kernel.reshape(self.n_in, self.n_out, self.params).transpose(0, 2, 1)
        return [
            apart[:rows, :, start:stop].reshape(rows, -1)
            for rows, (start, stop) in zip(self.rows, self._ranges(), strict=True)
        ]

    def join(self, blocks: Sequence[tf.Tensor]) -> tf.Tensor:
        """Join the blocks of :meth:`split` into a kernel, with zeros where there is no block."""
        if self.is_whole:
            return blocks[0]
        padded = [
            tf.pad(
                tf.reshape(block, [rows, self.params, -1]), [[0, self.n_in - rows], [0, 0], [0, 0]]
            )
            for block, rows in zip(blocks, self.rows, strict=True)
        ]
        kernel = tf.transpose(tf.concat(padded, axis=2), [0, 2, 1])
        return tf.reshape(kernel, [self.n_in, self.n_out * self.params])

    def group(self, values: np.ndarray) -> np.ndarray:
        """Group a bias or a condition's kernel, ``[..., n_out * params]``, by parameter."""
        apart = values.reshape(*values.shape[:-1], self.n_out, self.params)
        return np.swapaxes(apart, -1, -2).reshape(values.shape)

    def ungroup(self, values: tf.Tensor) -> tf.Tensor:
        """Undo :meth:`group`."""
        if self.params == 1:
            return values
        apart = tf.reshape(values, [*values.shape[:-1], self.params, self.n_out])
        return tf.reshape(tf.linalg.matrix_transpose(apart), values.shape)

    def matmul(self, x: tf.Tensor, blocks: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return ``x @ kernel``, ``[N, params * n_out]``, with columns grouped by parameter."""
        if len(blocks) == 1:
            return tf.matmul(x, blocks[0])
        parts = [
            tf.reshape(tf.matmul(x[:, :rows], block), [-1, self.params, stop - start])
            for block, rows, (start, stop) in zip(blocks, self.rows, self._ranges(), strict=True)
        ]
        return tf.reshape(tf.concat(parts, axis=2), [-1, self.params * self.n_out])
