"""Masked dense layers and their masks, written out by hand to be read beside the sources.

Masking makes a dense layer autoregressive. The masks are built in two ways, each in the notation of
its source:

* by blocks, as in the post "Experimenting with autoregressive flows in
  TensorFlow Probability" and TFP's ``tfb.masked_dense``: :func:`gen_slices`,
  :func:`gen_mask` and the layer :class:`MaskedDense`;
* by degrees, as in MADE (Germain et al. 2015, arXiv 1502.03509, section 4) and
  TFP's ``tfb.AutoregressiveNetwork``: :func:`input_degrees`,
  :func:`hidden_degrees`, :func:`made_masks` and :func:`connectivity`.

Masks are NumPy arrays; the layer is TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tf_keras

MaskType = Literal["exclusive", "inclusive"]


def gen_slices(
    num_blocks: int, n_in: int, n_out: int, *, mask_type: MaskType = "exclusive"
) -> list[tuple[slice, slice]]:
    """Return, for each block of inputs, the slices of the mask that are unmasked.

    Inputs (columns of the mask) and outputs (rows) are divided into ``num_blocks``
    equal blocks. Block ``k`` of the inputs is connected to the output blocks after
    ``k`` (exclusive), or to block ``k`` and those after it (inclusive).

    Args:
        num_blocks: number of blocks, one per event dimension.
        n_in: number of inputs, a multiple of ``num_blocks``.
        n_out: number of outputs. If ``num_blocks`` does not divide it, the last block
            gets the remainder, as in the post (4 units in 3 blocks).
        mask_type: ``"exclusive"`` for the first layer, ``"inclusive"`` for the others.

    Returns:
        ``num_blocks`` pairs ``(row_slice, column_slice)`` into an
        ``[n_out, n_in]`` mask.

    Raises:
        ValueError: a size is below 1, ``num_blocks`` does not divide ``n_in`` or exceeds
            ``n_out``, or ``mask_type`` is unknown.
    """
    if mask_type not in ("exclusive", "inclusive"):
        raise ValueError(f"mask_type must be 'exclusive' or 'inclusive', got {mask_type!r}")
    if min(num_blocks, n_in, n_out) < 1:
        raise ValueError(f"sizes must be positive, got {num_blocks=}, {n_in=}, {n_out=}")
    if n_in % num_blocks:
        raise ValueError(f"num_blocks={num_blocks} does not divide n_in={n_in}")
    if n_out < num_blocks:
        raise ValueError(f"n_out={n_out} is less than num_blocks={num_blocks}")
    d_in, d_out = n_in // num_blocks, n_out // num_blocks
    first_row = d_out if mask_type == "exclusive" else 0
    return [
        (slice(first_row + k * d_out, None), slice(k * d_in, (k + 1) * d_in))
        for k in range(num_blocks)
    ]


def gen_mask(
    num_blocks: int, n_in: int, n_out: int, *, mask_type: MaskType = "exclusive"
) -> np.ndarray:
    """Return the block mask of one dense layer.

    Args:
        num_blocks, n_in, n_out, mask_type: see :func:`gen_slices`.

    Returns:
        float32 ``[n_out, n_in]`` of zeros and ones; the kernel is multiplied by its
        transpose. For the post's example::

            >>> gen_mask(3, 3, 4).tolist()
            [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]

    Raises:
        ValueError: see :func:`gen_slices`.
    """
    mask = np.zeros([n_out, n_in], np.float32)
    for row_slice, column_slice in gen_slices(num_blocks, n_in, n_out, mask_type=mask_type):
        mask[row_slice, column_slice] = 1
    return mask


class MaskedDense(tf.Module):
    """Dense layer with a masked kernel: ``x @ (mask.T * kernel) + bias``.

    The post masks the initial kernel and, with a Keras constraint, the kernel after
    each update. Masking in the call replaces both, and works with any optimizer.

    Args:
        n_in: size of the inputs' last axis.
        units: size of the outputs' last axis.
        num_blocks: number of blocks, by default one per input.
        exclusive: whether block ``k`` of the outputs depends only on the input blocks
            before ``k`` (as in the first layer), or on block ``k`` as well.
        kernel_initializer: function that takes ``shape=[n_in, units]`` and returns the
            unmasked initial kernel; Glorot normal by default, as in the post.
    """

    def __init__(
        self,
        n_in: int,
        units: int,
        *,
        num_blocks: int | None = None,
        exclusive: bool = False,
        kernel_initializer: Callable[..., Any] | None = None,
    ):
        super().__init__()
        mask_type: MaskType = "exclusive" if exclusive else "inclusive"
        self.mask = tf.constant(gen_mask(num_blocks or n_in, n_in, units, mask_type=mask_type).T)
        initializer = kernel_initializer or tf_keras.initializers.GlorotNormal()
        self.kernel = tf.Variable(self.mask * initializer(shape=[n_in, units]), name="kernel")
        self.bias = tf.Variable(tf.zeros([units]), name="bias")

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """Map float32 inputs ``[..., n_in]`` to outputs ``[..., units]``."""
        return tf.linalg.matmul(inputs, self.mask * self.kernel) + self.bias


def input_degrees(
    event_size: int, *, order: str | Sequence[int] = "left-to-right", seed: int | None = None
) -> np.ndarray:
    """Return the degrees of the inputs: their positions in the autoregressive order, from 1.

    Args:
        event_size: number of inputs, D.
        order: ``"left-to-right"``, ``"right-to-left"``, ``"random"``, or a
            permutation of ``1..D``.
        seed: seed of the ``"random"`` order.

    Returns:
        int ``[D]``, a permutation of ``1..D``.

    Raises:
        ValueError: ``order`` is invalid.
    """
    left_to_right = np.arange(1, event_size + 1)
    if isinstance(order, str):
        if order == "left-to-right":
            return left_to_right
        if order == "right-to-left":
            return left_to_right[::-1].copy()
        if order == "random":
            return np.random.RandomState(seed).permutation(left_to_right)
    elif np.array_equal(np.sort(order), left_to_right):
        return np.asarray(order)
    raise ValueError(
        f"order must be 'left-to-right', 'right-to-left', 'random' or a permutation of "
        f"1..{event_size}, got {order!r}"
    )


def hidden_degrees(
    previous: np.ndarray,
    units: int,
    *,
    event_size: int,
    how: Literal["equal", "random"] = "equal",
    seed: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Return the degrees of one hidden layer (MADE, section 4.1).

    A unit of degree ``d`` depends on inputs of degree at most ``d``. No output depends
    on the last input, so degrees end at ``event_size - 1``.

    Args:
        previous: degrees of the layer below, int ``[n_in]``.
        units: number of units.
        event_size: number of inputs, D.
        how: ``"equal"`` assigns the degrees in ascending order, each to the same number
            of units up to rounding; ``"random"`` draws them uniformly between the
            smallest degree of the layer below and D - 1.
        seed: seed of ``"random"`` degrees; pass the same ``RandomState`` to each layer
            to draw them from one stream.

    Returns:
        int ``[units]``.

    Raises:
        ValueError: ``how`` is unknown, or ``units`` is below 1.
    """
    if units < 1:
        raise ValueError(f"a hidden layer needs at least one unit, got {units}")
    lowest = min(int(previous.min()), event_size - 1)
    if how == "equal":
        # Divide [0, D - 1] into units + 1 equal segments, and round the inner boundaries up.
        ends = np.ceil(np.arange(1, units + 1) * (event_size - 1) / float(units + 1))
        return np.maximum(lowest, ends.astype(int))
    if how == "random":
        # The upper end is exclusive, so D; with D = 1 the only degree is 0.
        rng = seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)
        return rng.randint(lowest, max(event_size, lowest + 1), units)
    raise ValueError(f"how must be 'equal' or 'random', got {how!r}")


def made_masks(degrees: Sequence[np.ndarray], *, params: int = 1) -> list[np.ndarray]:
    """Return the masks of a MADE, one per layer, the output layer last.

    ``mask[i, j] = [degree_in(i) <= degree_out(j)]`` for hidden layers (MADE, equation
    12), and with ``<`` for the output layer (equation 13), whose units have the degrees
    of the inputs.

    Args:
        degrees: degrees of the inputs ``[D]``, then of each hidden layer.
        params: number of outputs per input, adjacent to each other: 2 for shift and
            log_scale.

    Returns:
        One bool mask ``[n_in, n_out]`` per layer, the last ``[n_in, D * params]``.
    """
    hidden = [
        below[:, None] <= above[None, :]
        for below, above in zip(degrees[:-1], degrees[1:], strict=True)
    ]
    output = degrees[-1][:, None] < degrees[0][None, :]
    return [*hidden, np.repeat(output, params, axis=1)]


def connectivity(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Count the paths from each input to each output, as the product of the masks.

    Args:
        masks: masks ``[n_in, n_out]`` of all layers, as from :func:`made_masks`.

    Returns:
        int ``[D, outputs]``; 0 where the output cannot depend on the input
        (MADE, section 4).
    """
    paths = np.eye(len(masks[0]), dtype=object)  # Python integers, as the counts can overflow int64
    for mask in masks:
        paths = paths @ mask.astype(int).astype(object)
    return paths
