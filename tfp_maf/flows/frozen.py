"""Density of a flow with fixed weights, for serving: many calls with few rows each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfp_maf.flows.standard_rows import StandardRows

if TYPE_CHECKING:
    from tfp_maf.xla.compiled import CompiledFlow


class FrozenFlow:
    """Density of a flow with the weights that it had when this was made; no gradients.

    Args:
        rows: of the flow, from events and conditions to standardised rows.
        compiled: its compiled functions.
    """

    def __init__(self, rows: StandardRows, compiled: CompiledFlow):
        self._rows, self._compiled = rows.frozen(), compiled.frozen()

    def log_prob(self, x: Any, condition: Any = None) -> tf.Tensor:
        """Return ``log p(x)``, or ``log p(x | c)``, as :meth:`Flow.log_prob` does.

        Raises:
            ValueError: As in :meth:`Flow.log_prob`.
        """
        rows, batch, log_det = self._rows.arrays(x, condition)
        if len(rows) == 0:
            return tf.zeros(batch, self._compiled.dtype)
        log_prob = self._compiled.log_prob(rows, log_det)
        return log_prob if len(batch) == 1 else tf.reshape(log_prob, batch)
