"""Masked multi-head attention: like a masked dense layer, it can be made autoregressive.

Attention replaces a layer's fixed weights by ones that depend on what is seen (Vaswani et al. 2017,
arXiv 1706.03762, section 3.2)::

    attention(Q, K, V) = softmax(Q K^T / sqrt(d) + log M) V

with a mask M of zeros and ones: ``M[i, j] = 1`` where position i may attend to position j. The
masks have the shapes that are known from :mod:`tfp_maf.networks.masked_dense`: lower triangles,
without their diagonal (exclusive) or with it (inclusive). Local masks also leave out what is far
away (Parmar et al. 2018, the Image Transformer, arXiv 1802.05751, section 3.2).

A mask hides keys and values, not the query: position i always sees itself through its own query.
Where it must not, queries come from something that does not know it, or inputs are shifted by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_maf.networks.dense import dense_layer
from tfp_maf.networks.masked_dense import MaskType
from tfp_maf.utils.checks import check_one_of, check_positive_integer

# Keys and values of the positions so far, [N, H, T, d] each.
Cache = tuple[tf.Tensor, tf.Tensor]

MASKED = -1e9  # score of what is masked: its weight is 0 in any precision


def causal_mask(length: int, *, mask_type: MaskType = "inclusive") -> np.ndarray:
    """Return the mask of attention to the positions before (exclusive), and to itself (inclusive).

    Returns:
        Booleans ``[length, length]``, queries by keys::

            >>> causal_mask(3, mask_type="exclusive").astype(int).tolist()
            [[0, 0, 0], [1, 0, 0], [1, 1, 0]]

    Raises:
        ValueError: If the length is not positive, or the type is unknown.
    """
    check_positive_integer("length", length)
    check_one_of("mask_type", mask_type, ("exclusive", "inclusive"))
    return np.tri(length, k=0 if mask_type == "inclusive" else -1, dtype=bool)


def local_mask_1d(
    length: int, *, block: int, memory: int, mask_type: MaskType = "inclusive"
) -> np.ndarray:
    """Return the mask of one-dimensional local attention.

    The sequence is cut into blocks of queries. Each attends to its own block and to the ``memory``
    positions before it, as far as they are not in its future.

    Args:
        length: number of positions, T.
        block: positions per block; the last one may be shorter.
        memory: positions before the block that it sees, 0 or more.
        mask_type: whether a position sees itself.

    Returns:
        Booleans ``[T, T]``, queries by keys.

    Raises:
        ValueError: If a size is out of its range.
    """
    check_positive_integer("block", block)
    _check_memory(memory)
    position = np.arange(length)
    first = position // block * block - memory
    return causal_mask(length, mask_type=mask_type) & (position >= first[:, None])


def local_mask_2d(
    shape: Sequence[int],
    *,
    block: Sequence[int],
    memory: Sequence[int],
    mask_type: MaskType = "inclusive",
) -> np.ndarray:
    """Return the mask of two-dimensional local attention, pixels in raster order.

    The image is cut into rectangular blocks of queries. Each attends to a rectangle around its
    block, as far as that is not in its future in raster order. (The paper's pixels are generated
    block by block instead.)

    Args:
        shape: height and width.
        block: height and width of a block.
        memory: rows above a block, and columns on either side of it, that it sees.
        mask_type: whether a pixel sees itself.

    Returns:
        Booleans ``[height * width, height * width]``, queries by keys.

    Raises:
        ValueError: If a size is out of its range.
    """
    for name, sizes in [("shape", shape), ("block", block), ("memory", memory)]:
        if len(sizes) != 2:
            raise ValueError(f"{name} must be two sizes, of rows and columns, got {sizes!r}")
    for size in block:
        check_positive_integer("block", size)
    for size in memory:
        _check_memory(size)
    height, width = shape
    row, column = np.divmod(np.arange(height * width), width)
    top, left = row // block[0] * block[0], column // block[1] * block[1]
    # The rows below are in the future anyway.
    near = (
        (row >= top[:, None] - memory[0])
        & (column >= left[:, None] - memory[1])
        & (column < left[:, None] + block[1] + memory[1])
    )
    return causal_mask(height * width, mask_type=mask_type) & near


def _check_memory(memory: int) -> None:
    if memory < 0:
        raise ValueError(f"memory must not be negative, got {memory}")


def attend(
    queries: tf.Tensor,
    keys: tf.Tensor,
    values: tf.Tensor,
    mask: np.ndarray | tf.Tensor,
    *,
    bias: tf.Tensor | None = None,
) -> tf.Tensor:
    """Return ``softmax(Q K^T / sqrt(d) + bias + log mask) V``, ``[..., Q, d]``.

    Args:
        queries: ``[..., Q, d]``.
        keys, values: ``[..., K, d]``.
        mask: booleans ``[..., Q, K]``. A query that may see nothing gets zeros.
        bias: of the scores, ``[..., Q, K]``, such as one for each distance.
    """
    scores = tf.matmul(queries, keys, transpose_b=True) / np.sqrt(queries.shape[-1])
    scores = scores if bias is None else scores + bias
    weights = tf.nn.softmax(tf.where(mask, scores, tf.constant(MASKED, scores.dtype)))
    if not (isinstance(mask, np.ndarray) and mask.any(axis=-1).all()):
        weights = tf.where(mask, weights, tf.zeros([], weights.dtype))
    return tf.matmul(weights, values)


class MaskedAttention(tf.Module):
    """Masked multi-head attention: queries see the keys that the mask lets through.

    Args:
        width: W, the size of queries, of values and of the output.
        heads: number of heads H, which divides the width; each has ``d = W / H`` of it.
        mask: booleans ``[T, T]``, queries by keys.
        rng: of the initial weights.
        dtype: of the weights.
        context_width: size of what is attended to, if it is not the width.

    Raises:
        ValueError: If the number of heads does not divide the width.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        mask: np.ndarray,
        rng: np.random.Generator,
        dtype: str,
        context_width: int | None = None,
    ):
        super().__init__()
        check_positive_integer("width", width)
        check_positive_integer("heads", heads)
        if width % heads:
            raise ValueError(f"heads={heads} does not divide width={width}: give a divisor of it")
        self.width, self.heads, self.mask, self.dtype = width, heads, mask, dtype
        self.query = dense_layer(width, width, rng=rng, dtype=dtype)
        context = width if context_width is None else context_width
        self.key = dense_layer(context, width, rng=rng, dtype=dtype)
        self.value = dense_layer(context, width, rng=rng, dtype=dtype)
        self.output = dense_layer(width, width, rng=rng, dtype=dtype)

    def __call__(self, x: tf.Tensor, context: tf.Tensor | None = None) -> tf.Tensor:
        """Return ``[N, T, W]``: each position of ``x [N, T, W]`` attends to the context.

        Args:
            x: of the queries.
            context: ``[N, T, C]``, of keys and values; ``x`` itself by default.
        """
        context = x if context is None else context
        queries, keys, values = (
            self._split(layer(inputs))
            for layer, inputs in [(self.query, x), (self.key, context), (self.value, context)]
        )
        return self.output(self._join(attend(queries, keys, values, self.mask)))

    def empty_cache(self, n: tf.Tensor | int) -> Cache:
        """Return the cache of ``n`` sequences before their first position."""
        shape = [n, self.heads, len(self.mask), self.width // self.heads]
        return tf.zeros(shape, self.dtype), tf.zeros(shape, self.dtype)

    def step(
        self, x: tf.Tensor, cache: Cache, t: tf.Tensor, context: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Cache]:
        """Return the output ``[N, W]`` at position ``t``, and the cache with its key and value.

        Args:
            x: at this position, ``[N, W]``.
            cache: keys and values of the positions before.
            t: the position.
            context: at this position, ``[N, C]``; ``x`` itself by default.
        """
        context = x if context is None else context
        keys, values = (
            self._put(self._split(layer(context)[:, None]), before, t)
            for layer, before in zip((self.key, self.value), cache, strict=True)
        )
        queries = self._split(self.query(x)[:, None])
        seen = attend(queries, keys, values, tf.gather(self.mask, [t]))
        return self.output(self._join(seen)[:, 0]), (keys, values)

    def _split(self, x: tf.Tensor) -> tf.Tensor:
        """Return the heads of ``[N, T, W]``, ``[N, H, T, d]``."""
        shape = [-1, x.shape[1], self.heads, self.width // self.heads]
        return tf.transpose(tf.reshape(x, shape), [0, 2, 1, 3])

    def _join(self, x: tf.Tensor) -> tf.Tensor:
        """Return ``[N, T, W]`` for heads ``[N, H, T, d]``."""
        return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [-1, x.shape[2], self.width])

    def _put(self, new: tf.Tensor, into: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        """Return ``[N, H, T, d]`` with ``new [N, H, 1, d]`` in place ``t``."""
        # As cheap as attention itself, which reads all places; it needs no scatter.
        here = tf.equal(tf.range(len(self.mask)), t)[:, None]
        return tf.where(here, new, into)
