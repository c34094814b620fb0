"""How masking makes a dense layer autoregressive, written by hand.

Two ways of building the masks, both read like their source:

* by blocks, as in the post "Experimenting with autoregressive flows in
  TensorFlow Probability" and TFP's ``tfb.masked_dense``: :func:`gen_slices`,
  :func:`gen_mask` and the layer :class:`MaskedDense`;
* by degrees, as in MADE (Germain et al. 2015, arXiv 1502.03509, section 4) and
  TFP's ``tfb.AutoregressiveNetwork``: :func:`input_degrees`,
  :func:`hidden_degrees`, :func:`made_masks` and :func:`connectivity`.

Masks are numpy, the layer is TensorFlow.
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
    """Which rows (outputs) each block of columns (inputs) may reach.

    Inputs and outputs are cut into ``num_blocks`` equal blocks. Block ``k`` of
    the inputs reaches the outputs after block ``k`` (exclusive), or from block
    ``k`` on (inclusive).

    Args:
        num_blocks: number of blocks, one for each event dimension.
        n_in: number of inputs, a multiple of ``num_blocks`` .
        n_out: number of outputs. A remainder of ``n_out / num_blocks`` goes to
            the last block, as in the post (4 units in 3 blocks).
        mask_type: ``"exclusive"`` for the first layer, ``"inclusive"`` after.

    Returns:
        ``num_blocks`` pairs ``(row_slice, column_slice)`` into an
        ``[n_out, n_in]`` mask.

    Raises:
        ValueError: a size below 1, a ``num_blocks`` that does not divide
            ``n_in`` or exceeds ``n_out``, or an unknown ``mask_type``.
    """
    if mask_type not in ("exclusive", "inclusive"):
        raise ValueError(f"mask_type must be 'exclusive' or 'inclusive', got {mask_type!r}")
    if min(num_blocks, n_in, n_out) < 1:
        raise ValueError(f"sizes must be positive, got {num_blocks=}, {n_in=}, {n_out=}")
    if n_in % num_blocks:
        raise ValueError(f"num_blocks={num_blocks} does not divide n_in={n_in}")
    if n_out < num_blocks:
        raise ValueError(f"n_out={n_out} is fewer than num_blocks={num_blocks}")
    d_in, d_out = n_in // num_blocks, n_out // num_blocks
    first_row = d_out if mask_type == "exclusive" else 0
    return [
        (slice(first_row + k * d_out, None), slice(k * d_in, (k + 1) * d_in))
        for k in range(num_blocks)
    ]


def gen_mask(
    num_blocks: int, n_in: int, n_out: int, *, mask_type: MaskType = "exclusive"
) -> np.ndarray:
    """The mask of one dense layer, by blocks.

    Args:
        num_blocks, n_in, n_out, mask_type: see :func:`gen_slices`.

    Returns:
        float32 ``[n_out, n_in]`` of zeros and ones; its transpose multiplies
        the kernel. For the post's example::

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
    """A dense layer whose kernel is masked: ``x @ (mask.T * kernel) + bias``.

    The post masks twice, the initial kernel and, as a Keras constraint, the
    kernel after each update. Multiplying in the call does both at once and
    holds under any optimizer.

    Args:
        n_in: size of the inputs' last axis.
        units: size of the outputs' last axis.
        num_blocks: number of blocks, by default one an input.
        exclusive: whether block ``k`` of the outputs sees only the blocks
            before ``k`` (first layer), or block ``k`` as well.
        kernel_initializer: takes ``shape=[n_in, units]``, gives the unmasked
            initial kernel; Glorot normal by default, as in the post.
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
        """float32 ``[..., n_in]`` to ``[..., units]``."""
        return tf.linalg.matmul(inputs, self.mask * self.kernel) + self.bias


def input_degrees(
    event_size: int, *, order: str | Sequence[int] = "left-to-right", seed: int | None = None
) -> np.ndarray:
    """The place of each input in the autoregressive order, 1 for the first.

    Args:
        event_size: number of inputs, D.
        order: ``"left-to-right"``, ``"right-to-left"``, ``"random"``, or a
            permutation of ``1..D`` .
        seed: for ``"random"``.

    Returns:
        int ``[D]``, a permutation of ``1..D`` .

    Raises:
        ValueError: ``order`` is none of these.
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
    """The degrees of one hidden layer (MADE, section 4.1).

    A unit of degree ``d`` sees inputs of degree at most ``d``; no unit needs to
    see the last input, so degrees end at ``event_size - 1`` .

    Args:
        previous: degrees of the layer below, int ``[n_in]``.
        units: number of units.
        event_size: number of inputs, D.
        how: ``"equal"`` deals the degrees out in ascending order, each the
            same number of times up to rounding; ``"random"`` draws them
            uniformly from the smallest degree below to D - 1.
        seed: for ``"random"``; a ``RandomState`` goes on from layer to layer.

    Returns:
        int ``[units]``.

    Raises:
        ValueError: an unknown ``how`` or ``units`` below 1.
    """
    if units < 1:
        raise ValueError(f"a hidden layer needs at least one unit, got {units}")
    lowest = min(int(previous.min()), event_size - 1)
    if how == "equal":
        # Cut [0, D - 1] into units + 1 equal segments and round their inner ends up.
        ends = np.ceil(np.arange(1, units + 1) * (event_size - 1) / float(units + 1))
        return np.maximum(lowest, ends.astype(int))
    if how == "random":
        # Exclusive upper end D; D = 1 has only the degree 0.
        rng = seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)
        return rng.randint(lowest, max(event_size, lowest + 1), units)
    raise ValueError(f"how must be 'equal' or 'random', got {how!r}")


def made_masks(degrees: Sequence[np.ndarray], *, params: int = 1) -> list[np.ndarray]:
    """The masks of a MADE, one a layer, the output layer last.

    ``mask[i, j] = [degree_in(i) <= degree_out(j)]`` between hidden layers (MADE,
    equation 12), and ``<`` into the outputs (equation 13), which have the degrees of the
    inputs.

    Args:
        degrees: of the inputs ``[D]``, then of each hidden layer.
        params: outputs an input: 2 for shift and log_scale, next to each other.

    Returns:
        bool ``[n_in, n_out]`` for each layer, the last ``[n_in, D * params]``.
    """
    hidden = [
        below[:, None] <= above[None, :]
        for below, above in zip(degrees[:-1], degrees[1:], strict=True)
    ]
    output = degrees[-1][:, None] < degrees[0][None, :]
    return [*hidden, np.repeat(output, params, axis=1)]


def connectivity(masks: Sequence[np.ndarray]) -> np.ndarray:
    """How many paths lead from each input to each output: the masks' product.

    Args:
        masks: ``[n_in, n_out]`` each, as from :func:`made_masks`.

    Returns:
        int ``[D, outputs]``; 0 where the output cannot depend on the input
        (MADE, section 4).
    """
    paths = np.eye(len(masks[0]), dtype=object)  # Python integers: the counts overflow int64
    for mask in masks:
        paths = paths @ mask.astype(int).astype(object)
    return paths
