"""Shift and log_scale of an affine autoregressive layer (Papamakarios et al. 2017, equation 4).

``tfb.MaskedAutoregressiveFlow`` turns them into ``x_i = u_i exp(log_scale_i) + shift_i``
(equation 3), and back into ``u_i = (x_i - shift_i) exp(-log_scale_i)`` (equation 5).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfp_maf.networks.dense import bounded
from tfp_maf.networks.made import MaskedParameters


class ShiftAndLogScale(MaskedParameters):
    """Masked network of ``shift`` and a softly bounded ``log_scale``.

    ``log_scale = bound * tanh(a / bound)`` for the network's raw output ``a``:
    the identity near 0, never beyond ``bound``, so that no single row is scaled
    to infinity. With ``bound=None``, ``log_scale = a``.

    Args:
        bound: in nats, or None.
        options: of :class:`MaskedParameters`.
    """

    def __init__(self, event_size: int, *, bound: float | None, **options: Any):
        super().__init__(event_size, params=2, **options)
        self.bound = bound

    def __call__(
        self, y: tf.Tensor, condition: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return shift ``[..., D]`` and log_scale ``[..., D]`` for ``[..., D]``."""
        shift, log_scale = tf.unstack(self.outputs(y, condition), num=2, axis=-1)
        return shift, bounded(log_scale, self.bound)
