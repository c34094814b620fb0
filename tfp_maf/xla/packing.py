"""Packing of a flow's variables into the few tensors that its program takes.

The weights of equal layers are stacked along a first axis, for the loop over layers, and for the
optimizer: a MAF(10) with batch normalisation has 80 trained variables, and Adam three tensors
for each; their updates, one by one, take as long as the smaller matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
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
        if not values:
            return []
        flat = np.concatenate([np.ravel(np.asarray(value)) for value in values])
        return [tf.constant(flat[places]) for places in self._places]

    def unpack(self, packed: Sequence[tf.Tensor]) -> list[np.ndarray]:
        """Return one value for each of :attr:`trained`: the inverse of :meth:`pack`."""
        if not packed:
            return []
        sizes = [math.prod(shape) for shape in self._shapes]
        flat = np.zeros(sum(sizes), packed[0].dtype.as_numpy_dtype)  # masked weights stay zero
        for places, part in zip(self._places, packed, strict=True):
            flat[places] = np.asarray(part)
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        return [piece.reshape(shape) for piece, shape in zip(pieces, self._shapes, strict=True)]

    def pack_statistics(self, values: Sequence[Any]) -> list[tf.Tensor]:
        """Pack one value for each of :attr:`statistics`."""
        left = iter(map(np.asarray, values))
        of_layers = [[next(left) for _ in range(layer.num_statistics)] for layer in self._layers]
        return list(map(tf.constant, self._stacked(of_layers)))

    @property
    def _layers(self) -> list[Layer]:
        return [*self.program.layers, self.program.base]

    @cached_property
    def _shapes(self) -> list[tuple[int, ...]]:
        return [tuple(shape) for layer in self._layers for shape in layer.weight_shapes]

    @cached_property
    def _places(self) -> list[np.ndarray]:
        """Place of each packed number among all values of the variables, laid end to end.

        Packing only moves numbers, so that their places, packed once, say how.
        """
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        places = iter(
            np.arange(end - math.prod(shape), end).reshape(shape)
            for end, shape in zip(ends, self._shapes, strict=True)
        )
        return self._stacked(
            [layer.split([next(places) for _ in layer.weight_shapes]) for layer in self._layers]
        )

    def _stacked(self, of_layers: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """Return the arrays of all layers, those of equal layers of the body stacked."""
        program = self.program
        first, size = len(program.head), len(program.body)
        last = first + program.repeats * size
        stacks = [
            np.stack(parts)
            for place in range(first, first + size)
            for parts in zip(*of_layers[place:last:size], strict=True)
        ]
        return [*chain(*of_layers[:first]), *stacks, *chain(*of_layers[last:])]


def part_masks(layer: Layer) -> list[np.ndarray | None]:
    """Return the mask of each of a layer's parts, None where all weights are free."""
    if not isinstance(layer, MaskedNetwork):
        return [None] * part_count(layer)
    values = [*layer.masks, *(np.ones(shape) for shape in layer.weight_shapes[layer.depth :])]
    # Bytes, not floats: read in each step, and cast on the way.
    masks = [part.astype(bool) for part in layer.split(values)]
    return [None if mask.all() else mask for mask in masks]
