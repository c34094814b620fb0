"""Elementwise bijectors of a MAF, whose parameters a MADE gives.

``x_i = g(u_i; a_i)`` with parameters ``a_i`` that are functions of ``x_1..x_{i-1}``. The map of
equation 3 of Papamakarios et al. 2017 (arXiv 1705.07057) is affine in ``u_i``; any
increasing function of ``u_i`` whose parameters depend on ``x_1..x_{i-1}`` keeps the Jacobian
triangular (Huang et al. 2018, arXiv 1804.00779, call it the transformer).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfp_maf.networks.made import MaskedParameters


class Elementwise(MaskedParameters):
    """Masked network that gives a bijector for each feature from the features before it.

    For ``tfb.MaskedAutoregressiveFlow(bijector_fn=...)``.

    Args:
        bijector: from raw outputs ``[..., params]`` to a ``tfb.Bijector`` of ``[...]``, noise to
            data, a pure function of its argument.
        params: raw outputs per feature.
        options: of :class:`MaskedParameters`.
    """

    def __init__(
        self,
        event_size: int,
        *,
        bijector: Callable[[tf.Tensor], Any],
        params: int,
        **options: Any,
    ):
        super().__init__(event_size, params=params, **options)
        self.bijector = bijector

    def __call__(self, y: tf.Tensor, condition: tf.Tensor | None = None) -> Any:
        """Return a bijector of ``[..., D]`` for ``[..., D]``."""
        return self.bijector(self.outputs(y, condition))
