"""Packing of a flow's variables into the few tensors that its program takes.

The weights of equal layers are stacked along a first axis, for the loop over layers, and for the
optimizer: a MAF(10) with batch normalisation has 80 trained variables, and Adam three tensors
for each; their updates, one by one, take as long as the smaller matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.xla.layers import Layer, MaskedNetwork, Normalisation
from tfp_maf.xla.program import FlowProgram, Variables, part_count


class Packing:
    """Conversion between a flow's variables and its program's tensors.

    Args:
        program: of the flow.
        variables: of each of its layers, then of its base.

    Attributes:
        constraints: for each packed weight, what an optimizer must apply after a step, or None.
        are_gammas: for each packed weight, whether it is batch normalisation's scale.
        masks: for each packed weight, its mask, to be broadcast over a stack, or None.
    """

    def __init__(self, program: FlowProgram, variables: Sequence[Variables]):
        self.program = program
        self.variables = list(variables)
        ordered = [*program.head, *program.body, *program.tail, program.base]
        parts = [(layer, i) for layer in ordered for i in range(part_count(layer))]
        self.are_gammas = [isinstance(layer, Normalisation) and i == 0 for layer, i in parts]
        self.constraints = [
            layer.gamma_constraint if is_gamma else None
            for (layer, _), is_gamma in zip(parts, self.are_gammas, strict=True)
        ]

        self.masks = [mask for layer in ordered for mask in part_masks(layer)]

    @property
    def trained(self) -> list[Any]:
        """Trained variables, in the order of the layers."""
        return [v for of_layer in self.variables for v in of_layer.trained]

    @property
    def statistics(self) -> list[Any]:
        """Stored statistics, in the order of the layers."""
        return [v for of_layer in self.variables for v in of_layer.statistics]

    def pack(self, values: Sequence[Any]) -> list[tf.Tensor]:
        """Pack one value for each of :attr:`trained`."""
        return self._pack(
            values, lambda layer: len(layer.weight_shapes), lambda layer, own: layer.split(own)
        )

    def pack_statistics(self, values: Sequence[Any]) -> list[tf.Tensor]:
        """Pack one value for each of :attr:`statistics`."""
        return self._pack(values, lambda layer: layer.num_statistics, lambda _, own: own)

    def _pack(
        self,
        values: Sequence[Any],
        count: Callable[[Layer], int],
        split: Callable[[Layer, list[tf.Tensor]], list[tf.Tensor]],
    ) -> list[tf.Tensor]:
        left = [tf.convert_to_tensor(value) for value in values]

        def take(layers: Sequence[Layer]) -> list[tf.Tensor]:
            parts = []
            for layer in layers:
                parts += split(layer, [left.pop(0) for _ in range(count(layer))])
            return parts

        program = self.program
        packed = take(program.head)
        rounds = [take(program.body) for _ in range(program.repeats)]
        packed += [tf.stack(parts) for parts in zip(*rounds, strict=True)]
        return packed + take([*program.tail, program.base])

    def unpack(self, packed: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return one value for each of :attr:`trained`: the inverse of :meth:`pack`."""
        program, packed = self.program, list(packed)

        def give(layers: Sequence[Layer], parts: list[tf.Tensor]) -> list[tf.Tensor]:
            values = []
            for layer in layers:
                own = [parts.pop(0) for _ in range(part_count(layer))]
                values += layer.join(own)
            return values

        values = give(program.head, packed)
        if program.repeats:
            count = sum(map(part_count, program.body))
            stacked, packed = [tf.unstack(w) for w in packed[:count]], packed[count:]
            for i in range(program.repeats):
                values += give(program.body, [w[i] for w in stacked])
        return values + give([*program.tail, program.base], packed)


def part_masks(layer: Layer) -> list[np.ndarray | None]:
    """Return the mask of each of a layer's parts, None where all weights are free."""
    if not isinstance(layer, MaskedNetwork):
        return [None] * part_count(layer)
    values = [*layer.masks, *(np.ones(shape) for shape in layer.weight_shapes[layer.depth :])]
    parts = layer.split([tf.constant(value, tf.float32) for value in values])
    # Bytes, not floats: read in each step, and cast on the way.
    masks = [np.asarray(part, bool) for part in parts]
    return [None if mask.all() else mask for mask in masks]
