"""Real NVP's networks (Dinh et al. 2017, arXiv 1605.08803, section 3.2)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfp_maf.networks.dense import DenseNetwork, bounded


class CouplingNetwork(tf.Module):
    """``shift`` and a softly bounded ``log_scale`` of some features from the others.

    Two networks, as in the paper: tanh for the scale, relu for the shift (Papamakarios et al. 2017,
    arXiv 1705.07057, section 4).

    Args:
        n_in, n_out: features that it sees, and features that it moves.
        bound: see :class:`tfp_maf.bijectors.affine.ShiftAndLogScale`.
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
