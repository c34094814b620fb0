"""Networks of Real NVP's coupling layers (Dinh et al. 2017, arXiv 1605.08803, section 3.2).

``tfb.RealNVP`` turns their outputs into ``x = u exp(log_scale) + shift`` for the moved features,
both functions of the features kept (Papamakarios et al. 2017, arXiv 1705.07057, section 3.3).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.networks.dense import DenseNetwork, bounded


class CouplingNetwork(tf.Module):
    """Pair of networks of ``shift`` and a softly bounded ``log_scale``.

    The paper uses tanh for the scale and relu for the shift (Papamakarios et al. 2017, arXiv
    1705.07057, section 4).

    Args:
        n_in, n_out: numbers of features that it sees, and that it moves.
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
        """Return shift and log_scale ``[..., n_out]`` for ``[..., n_in]``, as ``tfb.RealNVP`` asks.

        Args:
            x: the features kept.
            output_units: not used; ``tfb.RealNVP`` gives it.
            condition: ``[..., C]``, or None.
        """
        return self.shift(x, condition), bounded(self.log_scale(x, condition), self.bound)


def real_nvp(event_size: int, **options: Any) -> Any:
    """Return a ``tfb.RealNVP`` that knows its number of columns from the start.

    TFP learns it at the first call, and fails where that is in a graph whose shapes are not known.
    """
    bijector = tfp.bijectors.RealNVP(**options)
    bijector._input_depth = event_size
    return bijector
