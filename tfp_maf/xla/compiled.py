"""Compiled functions of flows, shared by all flows of the same architecture.

XLA takes seconds to compile what runs in a millisecond. Weights are arguments here, so a program
is compiled once for each architecture and number of rows, however many flows use it.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.utils.variables import Fixed, FromVariables
from tfp_maf.xla.packing import Packing
from tfp_maf.xla.program import FlowProgram, Parts, Variables, read_program, run
from tfp_maf.xla.row_chunks import SMALL, RowChunks
from tfp_maf.xla.sampling import noise_to_data

# Number of programs kept; the least recently used one is dropped first.
MOST_SHARED = 128

# Weights and statistics.
Packed = tuple[list[tf.Tensor], list[tf.Tensor]]

_shared: OrderedDict[Hashable, Any] = OrderedDict()
_lock = threading.Lock()


def shared(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return the object that was made for this key, or make it."""
    with _lock:
        if key not in _shared:
            _shared[key] = make()
            if len(_shared) > MOST_SHARED:
                _shared.popitem(last=False)
        _shared.move_to_end(key)
        return _shared[key]


class CompiledFlow:
    """Functions of one flow, ``log_prob`` and sampling, compiled by XLA.

    Attributes:
        program: the flow's arithmetic.
        packing: the conversion between the flow's variables and the program's tensors.

    Args:
        program, variables: as from :func:`tfp_maf.xla.program.read_program`.
        dtype: the flow's.
    """

    def __init__(self, program: FlowProgram, variables: Sequence[Variables], *, dtype: str):
        self.program, self.variables, self.dtype = program, list(variables), dtype
        self.packing = Packing(program, variables)
        self._signature = program.signature
        both = [*self.packing.trained, *self.packing.statistics]
        self._packed: FromVariables[Packed] | Fixed[Packed] = FromVariables(both, self._pack)
        # A program for few rows rounds otherwise than one for many: without them, a row's density
        # does not depend on how many rows it is asked for with, to the last bit.
        self._small: tuple[int, ...] = ()

    @property
    def packed(self) -> Packed:
        """Current weights and statistics, packed."""
        return self._packed.value

    def frozen(self) -> CompiledFlow:
        """Return the functions with weights and statistics as now, and programs for few rows."""
        copied = copy.copy(self)
        copied._packed, copied._small = Fixed(self.packed), SMALL
        return copied

    def _pack(self, values: Sequence[tf.Tensor]) -> Packed:
        count = len(self.packing.trained)
        return self.packing.pack(values[:count]), self.packing.pack_statistics(values[count:])

    def shared(self, what: Hashable, make: Callable[[], Any]) -> Any:
        """Return a function that flows of this architecture and dtype share."""
        return shared((what, self._signature, self.dtype), make)

    def log_prob(self, rows: Any, log_det: Any = 0.0) -> tf.Tensor:
        """Return ``log p(x)`` ``[N]`` of joined rows ``[N, D + C]``, with ``log_det`` added.

        Args:
            rows: an array or tensor.
            log_det: of what came before the rows: a number, or ``[N]``.
        """
        program = self.program

        def log_prob(rows: tf.Tensor, weights: Parts, statistics: Parts) -> tf.Tensor:
            return program.log_prob(rows[:, :-1], weights, statistics) + rows[:, -1]

        what = ("log_prob", self._small)
        function = self.shared(what, lambda: RowChunks(log_prob, small=self._small))
        # One array: each that TensorFlow takes over costs half as much as a row.
        joined = np.empty([rows.shape[0], rows.shape[1] + 1], self.dtype)
        joined[:, :-1], joined[:, -1] = rows, log_det
        return function(joined, *self.packed)

    def data(self, rows: Any) -> tf.Tensor:
        """Return data ``[N, D]`` for noise and conditions, side by side, ``[N, k D + C]``."""
        program = self.program
        function = self.shared("data", lambda: RowChunks(noise_to_data(program), has_loops=True))
        return function(rows, *self.packed)

    def inverse(self, first: int, last: int, rows: Any) -> tf.Tensor:
        """Return noise ``[N, D]`` of layers ``first`` to ``last - 1`` for rows ``[N, D + C]``."""
        program = self.program
        layers, own = program.layers[first:last], self.variables[first:last]

        def inverse(rows: tf.Tensor, parts: Any, statistics: Any) -> tf.Tensor:
            x, condition = program.split(rows)
            return run(list(zip(layers, parts, statistics, strict=True)), x, condition)[0]

        key = ("inverse", tuple(layer.signature for layer in layers), program.event_size)
        function = shared((key, self.dtype), lambda: RowChunks(inverse))
        parts = [
            list(map(tf.constant, layer.split([v.numpy() for v in variables.trained])))
            for layer, variables in zip(layers, own, strict=True)
        ]
        statistics = [[tf.convert_to_tensor(v) for v in of.statistics] for of in own]
        return function(rows, parts, statistics)


def compile_flow(
    bijectors: Sequence[Any], base: Any, masks: dict[Any, Any], *, event_size: int, dtype: str
) -> CompiledFlow | None:
    """Return a flow's compiled functions, or None if a bijector or the base is not supported."""
    found = read_program(bijectors, base, masks, event_size=event_size)
    return None if found is None else CompiledFlow(*found, dtype=dtype)
