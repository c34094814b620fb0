"""Real NVP's networks (Dinh et al. 2017, arXiv 1605.08803, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_maf.networks.made import glorot_uniform
from tfp_maf.xla.gradients import bounded


class DenseNetwork(tf.Module):
    """Dense layers, the last without activation; a condition joins the inputs.

    Args:
        n_in, n_out: sizes of input and output.
        hidden_units: sizes between.
        activation: of the hidden layers, a Keras name.
        condition_size: C, 0 for none.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        hidden_units: Sequence[int],
        activation: str,
        rng: np.random.Generator,
        dtype: str,
        condition_size: int = 0,
    ):
        super().__init__()
        self.activation, self.condition_size = activation, condition_size
        sizes = [n_in + condition_size, *hidden_units, n_out]
        self.layers = []
        for i, (below, above) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            layer = tf_keras.layers.Dense(
                above,
                activation=activation if i < len(hidden_units) else None,
                kernel_initializer=glorot_uniform(rng),
                dtype=dtype,
            )
            layer.build([None, below])
            self.layers.append(layer)

    def __call__(self, x: tf.Tensor, condition: tf.Tensor | None = None) -> tf.Tensor:
        """``[..., n_in]`` and ``[..., C]`` to ``[..., n_out]``."""
        h = x if condition is None else tf.concat([x, condition], axis=-1)
        for layer in self.layers:
            h = layer(h)
        return h


class CouplingNetwork(tf.Module):
    """``shift`` and a softly bounded ``log_scale`` of some features from the others.

    Two networks, as in the paper: tanh for the scale, relu for the shift (Papamakarios et al. 2017,
    arXiv 1705.07057, section 4).

    Args:
        n_in, n_out: features that it sees, and features that it moves.
        bound: see :class:`tfp_maf.networks.made.ShiftAndLogScale`.
        scale_activation, shift_activation: Keras names.
        options: of :class:`DenseNetwork`.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        bound: float | None,
        scale_activation: str,
        shift_activation: str,
        **options: Any,
    ):
        super().__init__()
        self.bound, self.condition_size = bound, options["condition_size"]
        self.log_scale = DenseNetwork(n_in, n_out, activation=scale_activation, **options)
        self.shift = DenseNetwork(n_in, n_out, activation=shift_activation, **options)

    def __call__(
        self, x: tf.Tensor, output_units: int, condition: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """``[..., n_in]`` to shift and log_scale ``[..., n_out]``, as ``tfb.RealNVP`` asks."""
        return self.shift(x, condition), bounded(self.log_scale(x, condition), self.bound)
