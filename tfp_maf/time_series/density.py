"""Density of windows, as :func:`tfp_maf.fit` sees it: rows, weights, a log-likelihood."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.contexts import checks_numerics
from tfp_maf.flows.flow import Flow
from tfp_maf.networks.past import PastEncoder
from tfp_maf.time_series.program import CompiledWindows, WindowProgram
from tfp_maf.time_series.windows import Layout
from tfp_maf.xla.row_chunks import RowChunks


class WindowDensity(tf.Module):
    """What the training loop asks of a :class:`~tfp_maf.Flow`, for rows that are windows.

    Encoder and flow are trained together: their variables are this module's. A row's
    log-likelihood is the weighted sum over its steps, and the weights are such that the mean over
    rows is one over steps (:func:`tfp_maf.time_series.windows.training_rows`).

    Args:
        encoder, flow, layout: see :class:`WindowProgram`.
        arguments: plain values by which a checkpoint recognises the model.
        log_det: what is added to a step's log-likelihood for that in the series' units.
    """

    builder = "TimeFlow"
    has_batch_norm = False
    columns = None
    steps_per_call, gradient_rows = Flow.steps_per_call, Flow.gradient_rows
    is_of_levels = False

    def __init__(
        self,
        encoder: PastEncoder,
        flow: Flow,
        layout: Layout,
        *,
        arguments: dict[str, Any],
        log_det: float,
    ):
        super().__init__()
        self.encoder, self.flow, self.layout = encoder, flow, layout
        self.program = WindowProgram(encoder, flow, layout)
        self.arguments = MappingProxyType(arguments)
        self.log_det = log_det
        self.event_size, self.dtype = layout.events_size, flow.dtype
        self.conditioning, self.masks = Conditioning(), flow.masks
        self.gammas: dict[Any, Any] = {}
        self.bijectors: list[Any] = []
        self.is_standardised = True
        self.rows = SimpleNamespace(support=None, standardisation=SimpleNamespace(log_det=log_det))
        self.compiled = None
        if flow.compiled is not None:
            self.compiled = CompiledWindows(self.program)
        self._chunks = RowChunks(self.program.step_log_prob)

    def joined_rows(self, x: Any, condition: Any = None, **_: Any) -> np.ndarray:
        """Return rows as they are."""
        return np.asarray(x, self.dtype)

    def step_log_prob(self, rows: np.ndarray) -> np.ndarray:
        """Return log-likelihoods ``[N, length]`` of the scored steps of rows, in nats."""
        rows = np.asarray(rows, self.dtype)
        if checks_numerics():
            found = self.program.step_log_prob(tf.constant(rows))
        elif self.compiled is not None:
            found = self.compiled.step_log_prob(rows)
        else:
            found = self._chunks(rows)
        return np.asarray(found, np.float64) + self.log_det

    def log_prob(self, x: Any, condition: Any = None, **_: Any) -> tf.Tensor:
        """Return the weighted sums ``[N]`` over rows' steps."""
        weights = self.layout.weights(np.asarray(x))
        found = np.where(weights > 0, self.step_log_prob(x), 0.0)
        return tf.constant((weights * found).sum(axis=1))

    def tfp_log_prob(
        self, rows: tf.Tensor, *, training: bool = False, step: tf.Tensor | int = 0
    ) -> tf.Tensor:
        """Return the weighted sums ``[N]`` by TFP's bijectors, without what is added for units."""
        return self.program.log_prob(rows)

    def get_weights(self) -> list[np.ndarray]:
        """Return a copy of the variables."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Any) -> None:
        """Assign what :meth:`get_weights` returned."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)
