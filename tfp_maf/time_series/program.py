"""Arithmetic of windows: the encoder of the past, then each step's flow, in one pass.

``log p(x_1..x_T) = sum_t log p(x_t | x_{t-1}, ..., x_{t-k}, known_t)``. The steps of all windows
are rows of the flow, whose condition is the context of the step before and what is known of its own
step.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.flows.flow import Flow
from tfp_maf.networks.past import PastEncoder
from tfp_maf.time_series.windows import Layout
from tfp_maf.utils.variables import FromVariables
from tfp_maf.xla.row_chunks import RowChunks


class WindowProgram:
    """Log-likelihoods of the steps of windows.

    Attributes:
        encoder: of the past.
        flow: density of a step's event, conditional on a context and known inputs.
        layout: of the windows' rows.
    """

    def __init__(self, encoder: PastEncoder, flow: Flow, layout: Layout):
        self.encoder, self.flow, self.layout = encoder, flow, layout

    def flow_rows(self, rows: tf.Tensor, weights: Sequence[Any] | None = None) -> tf.Tensor:
        """Return the flow's rows ``[N length, D + C + K]``: events, contexts, known inputs.

        Args:
            rows: windows, ``[N, row_size]``, N static.
            weights: of the encoder; None takes its variables.
        """
        layout, n = self.layout, rows.shape[0]
        events = tf.reshape(rows[:, : layout.events_size], [n, layout.length, layout.event_size])
        inputs = tf.reshape(
            rows[:, layout.events_size : -layout.length], [n, layout.steps, layout.input_size]
        )
        contexts = self.encoder(inputs[:, :-1], weights)[:, layout.past - 1 :]
        known = inputs[:, layout.past :, 2 * layout.event_size :]
        each = tf.concat([events, contexts, known], axis=2)
        return tf.reshape(each, [n * layout.length, each.shape[2]])

    def step_log_prob(self, rows: tf.Tensor, weights: Sequence[Any] | None = None) -> tf.Tensor:
        """Return log-likelihoods ``[N, length]`` of the scored steps of rows.

        Args:
            rows: windows, ``[N, row_size]``, N static.
            weights: of the encoder, then the flow's, packed; None takes the variables themselves,
                and the flow's own bijectors.
        """
        if weights is None:
            log_prob = self.flow.tfp_log_prob(self.flow_rows(rows))
        else:
            assert self.flow.compiled is not None
            count = len(self.encoder.weights)
            each = self.flow_rows(rows, list(weights[:count]))
            log_prob = self.flow.compiled.program.log_prob(each, list(weights[count:]))
        return tf.reshape(log_prob, [rows.shape[0], self.layout.length])

    def log_prob(
        self, rows: tf.Tensor, weights: Sequence[Any] | None = None, statistics: Any = None
    ) -> tf.Tensor:
        """Return the weighted sums ``[N]`` of the scored steps' log-likelihoods."""
        of_steps = rows[:, -self.layout.length :]
        return tf.reduce_sum(of_steps * self.step_log_prob(rows, weights), axis=1)


class WindowPacking:
    """Packing of the flow's variables, with the encoder's before them as they are.

    It has what :class:`tfp_maf.training.packed_steps.PackedSteps` asks of a
    :class:`tfp_maf.xla.packing.Packing`.
    """

    def __init__(self, program: WindowProgram):
        assert program.flow.compiled is not None
        self.program, self._flow = program, program.flow.compiled.packing
        self._encoder = list(program.encoder.weights)
        none: list[Any] = [None] * len(self._encoder)
        self.masks = none + self._flow.masks
        self.constraints = none + self._flow.constraints
        self.are_gammas = [False] * len(self._encoder) + self._flow.are_gammas
        self.statistics: list[Any] = []

    @property
    def trained(self) -> list[Any]:
        """Trained variables."""
        return self._encoder + self._flow.trained

    def pack(self, values: Sequence[Any]) -> list[tf.Tensor]:
        """Pack one value for each of :attr:`trained`."""
        count = len(self._encoder)
        own = [tf.convert_to_tensor(value) for value in values[:count]]
        return own + self._flow.pack(values[count:])

    def unpack(self, packed: Sequence[tf.Tensor]) -> list[np.ndarray]:
        """Return one value for each of :attr:`trained`: the inverse of :meth:`pack`."""
        count = len(self._encoder)
        return [part.numpy() for part in packed[:count]] + self._flow.unpack(packed[count:])


class CompiledWindows:
    """Functions of windows, compiled by XLA with the weights as arguments."""

    def __init__(self, program: WindowProgram):
        self.program, self.packing = program, WindowPacking(program)
        self._shared: dict[Hashable, Any] = {}
        self._packed = FromVariables(self.packing.trained, self.packing.pack)

    def shared(self, what: Hashable, make: Callable[[], Any]) -> Any:
        """Return a function that is made once."""
        if what not in self._shared:
            self._shared[what] = make()
        return self._shared[what]

    def step_log_prob(self, rows: Any) -> tf.Tensor:
        """Return log-likelihoods ``[N, length]`` of the scored steps of rows."""
        function = self.shared("steps", lambda: RowChunks(self.program.step_log_prob))
        return function(rows, self._packed.value)
