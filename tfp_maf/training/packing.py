"""Many small variables as few large tensors, for the optimizer.

A MAF(10) with batch normalisation has 80 variables, and Adam three tensors for each: their
updates, one by one, take as long as the smaller matrix products. Variables, or blocks of
them, of one shape are stacked, so that an update is one operation a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.xla.layers import Layer, Values

# Larger parts gain nothing from being stacked, and stacking copies them.
LARGEST_STACKED = 2**15


class Packing:
    """How the variables of a stack lie in few tensors.

    Args:
        layers: of a :class:`tfp_maf.xla.program.FlowProgram`, its base included.
        variables: the trainable ones.
        apart: for each variable, whatever must differ for it not to be stacked with another.
    """

    def __init__(self, layers: Sequence[Layer], variables: Sequence[Any], *, apart: Sequence[Any]):
        self.variables = list(variables)
        self._cuts = {ref: cut for layer in layers for ref, cut in layer.cuts.items()}
        self._counts = []  # parts of each variable
        places: dict[Any, list[int]] = {}  # of each stack, its parts
        part = 0
        for variable, reason in zip(self.variables, apart, strict=True):
            shapes = [tuple(p.shape) for p in self._parts(variable, tf.zeros(variable.shape))]
            self._counts.append(len(shapes))
            for shape in shapes:
                small = np.prod(shape) <= LARGEST_STACKED
                places.setdefault((shape, reason, None if small else part), []).append(part)
                part += 1
        self.stacks = list(places.values())
        self.reasons = [reason for _, reason, _ in places]

    def _parts(self, variable: Any, value: tf.Tensor) -> list[tf.Tensor]:
        split, _ = self._cuts.get(variable.ref(), (lambda whole: [whole], None))
        return split(value)

    def pack(self, values: Sequence[Any]) -> list[tf.Tensor]:
        """One tensor for each variable to the stacks."""
        parts = [
            part
            for variable, value in zip(self.variables, values, strict=True)
            for part in self._parts(variable, tf.convert_to_tensor(value))
        ]
        return [tf.stack([parts[i] for i in places]) for places in self.stacks]

    def values(self, stacks: Sequence[tf.Tensor]) -> Values:
        """The stacks to the parts of each variable, for a layer's ``inverse``."""
        parts: dict[int, tf.Tensor] = {}
        for places, stack in zip(self.stacks, stacks, strict=True):
            parts.update(zip(places, tf.unstack(stack), strict=True))
        ends = np.cumsum(self._counts)
        return {
            variable.ref(): [parts[i] for i in range(end - count, end)]
            for variable, count, end in zip(self.variables, self._counts, ends, strict=True)
        }

    def unpack(self, stacks: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The opposite of :meth:`pack`."""
        values = self.values(stacks)
        whole = []
        for variable in self.variables:
            _, join = self._cuts.get(variable.ref(), (None, lambda parts: parts[0]))
            whole.append(join(values[variable.ref()]))
        return whole
