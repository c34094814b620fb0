"""Sampling of an autoregressive layer in one network pass in place of D passes.

``x_i = u_i exp(log_scale_i) + shift_i``, both functions of ``x_1..x_{i-1}``. The usual inverse
runs the whole network once per feature, and uses one feature's outputs only. But a hidden unit
of degree d (MADE, section 4.1) only needs the units below it of degree at most d: once x_d is
known, the units of degree d can be computed, for good, and with them the outputs of x_{d+1}.
Each unit is computed once: in all, one pass. (Degrees are given equally many places, so that
shapes are fixed: a layer of fewer units than features costs as much as one of D units.)

Large layers are computed in groups of degrees: the contributions of all earlier groups to a group
are one matrix product, and only those of its own members to each other take small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from tfp_maf.xla.layers import MaskedNetwork, Parts
from tfp_maf.xla.program import Dealt, FlowProgram, MixtureBase

# Degrees per group; fewer than twice as many form one group.
GROUP = 16


@dataclass(frozen=True)
class Plan:
    """Positions of the units of each degree; features and units are rows, samples are columns.

    Attributes:
        event_size: D.
        first: the lowest degree of any hidden unit (1 if there are no hidden units); the first
            ``first`` features depend on no other feature.
        groups, size: the degrees from ``first`` to D - 1, in ``groups`` of ``size``, the last
            one filled up with empty degrees.
        units: for each hidden layer, ``[groups * size, slots]``: the units of each degree, and
            ``n_units``, a placeholder for a unit of weight zero, in the slots left over.
    """

    event_size: int
    first: int
    groups: int
    size: int
    units: list[np.ndarray]

    @classmethod
    def of(cls, degrees: Sequence[np.ndarray], event_size: int) -> Plan:
        """Return the plan for the degrees of each hidden layer's units."""
        first = min([int(d.min()) for d in degrees], default=1)
        count = max(event_size - first, 1)
        size = GROUP if count >= 2 * GROUP else count
        groups = -(-count // size)
        units = []
        for layer in degrees:
            of_degree = [np.flatnonzero(layer == first + i) for i in range(groups * size)]
            slots = max(len(u) for u in of_degree)
            padding = [np.full(slots - len(u), len(layer)) for u in of_degree]
            units.append(
                np.stack([np.append(u, p) for u, p in zip(of_degree, padding, strict=True)])
            )
        return cls(event_size, first, groups, size, units)


def degrees_of_masks(masks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the degrees of each hidden layer's units, read off the masks ``[n_in, n_out]``."""
    degrees, below = [], np.arange(1, masks[0].shape[0] + 1)
    for mask in masks[:-1]:
        below = np.where(mask > 0, below[:, None], 0).max(axis=0)
        degrees.append(below)
    return degrees


def put(into: tf.Tensor, rows: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """Return ``into`` with ``rows`` written from row ``first`` on; in place, once compiled."""
    # TensorFlow's public operations for this scatter element by element.
    return tf.ensure_shape(xla.dynamic_update_slice(into, rows, [first, 0]), into.shape)


def take(values: tf.Tensor, places: np.ndarray, *, axis: int = 0) -> tf.Tensor:
    """Return ``tf.gather`` of flattened places, where the place after the last gives zeros."""
    padding = [[0, int(i == axis)] for i in range(len(values.shape))]
    return tf.gather(tf.pad(values, padding), places.reshape(-1), axis=axis)


class LayerSampler:
    """Sampler of a layer or base with a masked network: the direction from noise to data.

    Args:
        layer: a masked network with ``draw``.
        parts: its weights.
    """

    def __init__(self, layer: Any, parts: Parts):
        self.layer = layer
        self.plan = Plan.of(degrees_of_masks(layer.masks), layer.masks[0].shape[0])
        self.params = layer.params
        values = layer.join(parts)
        depth = layer.depth
        self.kernels, self.biases = values[:depth], values[depth : 2 * depth]
        self.condition_kernels = values[2 * depth :]

    def _by_degree(self, condition: tf.Tensor | None) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Return weights ``[groups, size, slots, inputs]``, and the constants.

        The constants are biases and the condition's part, ``[groups, size, slots, 1 or N]``.
        """
        plan, params = self.plan, self.params
        shape = [plan.groups, plan.size]
        padding = plan.first + plan.groups * plan.size - plan.event_size
        weights, constants = [], []
        inputs = np.append(np.arange(plan.event_size), np.full(padding, plan.event_size))[:, None]
        # The outputs that hidden units reach, all parameters of each feature.
        features = inputs[plan.first :]
        outputs = np.where(
            features < plan.event_size,
            params * features + np.arange(params),
            params * plan.event_size,
        )
        all_units = [*plan.units, outputs]
        for i, (kernel, bias, units) in enumerate(
            zip(self.kernels, self.biases, all_units, strict=True)
        ):
            by_degree = take(take(tf.transpose(kernel), units), inputs, axis=1)
            weights.append(tf.reshape(by_degree, [*shape, units.shape[1], inputs.size]))
            constant = take(self._constant(i, bias, condition), units)
            constants.append(tf.reshape(constant, [*shape, units.shape[1], -1]))
            inputs = units
        return weights, constants

    def _constant(self, i: int, bias: Any, condition: tf.Tensor | None) -> tf.Tensor:
        """Return bias and condition's part of layer ``i``, ``[units, 1 or N]``."""
        constant = tf.convert_to_tensor(bias)[:, None]
        if condition is None:
            return constant
        return constant + tf.matmul(self.condition_kernels[i], condition, transpose_a=True)

    def forward(self, noise: Sequence[tf.Tensor], condition: tf.Tensor | None) -> tf.Tensor:
        """Return data ``[D, N]`` for noise ``[D, N]`` and condition, one column per sample.

        Args:
            noise: tensors ``[D, N]``, as many as ``draw`` of the layer takes.
            condition: ``[C, N]``, or None.
        """
        plan = self.plan
        weights, constants = self._by_degree(condition)
        # The first features' outputs depend on no other feature.
        outputs = self._constant(-1, self.biases[-1], condition)
        outputs = tf.reshape(outputs, [plan.event_size, self.params, -1])[: plan.first]
        known = self.layer.draw(outputs, [u[: plan.first] for u in noise])
        if plan.first == plan.event_size:
            return known
        rows = plan.groups * plan.size
        missing = plan.first + rows - plan.event_size
        noise = [tf.pad(u[plan.first :], [[0, missing], [0, 0]]) for u in noise]
        n, dtype = noise[0].shape[1], noise[0].dtype
        x = tf.concat([known, tf.zeros([rows, n], dtype)], axis=0)
        hidden = [tf.zeros([units.size, n], dtype) for units in plan.units]
        if plan.groups == 1:
            before = [self._product(weights[0][0], x)] + [
                tf.zeros([1, 1, 1], dtype) for _ in hidden
            ]
            before = [b + constant[0] for b, constant in zip(before, constants, strict=True)]
            x, _ = self._group(weights, before, noise, tf.constant(0))
            return tf.concat([known, x], axis=0)[: plan.event_size]
        group = tf.constant(0)
        while group < plan.groups:
            before = [
                self._product(w[group], state) + constant[group]
                for w, constant, state in zip(weights, constants, [x, *hidden], strict=True)
            ]
            of_group = [tf.slice(u, [group * plan.size, 0], [plan.size, n]) for u in noise]
            new_x, new_hidden = self._group(weights, before, of_group, group)
            x = put(x, new_x, plan.first + group * plan.size)
            hidden = [
                put(h, new, group * new.shape[0]) for h, new in zip(hidden, new_hidden, strict=True)
            ]
            group += 1
        return x[: plan.event_size]

    def _product(self, weights: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """Return ``[size, slots, inputs] @ [inputs, N]``, computed as one product."""
        size, slots, inputs = weights.shape
        product = tf.matmul(tf.reshape(weights, [size * slots, inputs]), state)
        return tf.reshape(product, [size, slots, -1])

    def _group(
        self,
        weights: list[tf.Tensor],
        before: list[tf.Tensor],
        noise: list[tf.Tensor],
        group: tf.Tensor,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the features and units of one group, computed degree by degree.

        Args:
            weights: by degree, of all groups.
            before: for each layer ``[size, slots, N]``: constants, and earlier groups' part.
            noise: of the group's features, ``[size, N]`` each.
            group: index of the group.
        """
        plan = self.plan
        n, dtype = noise[0].shape[1], noise[0].dtype
        slots = [1] + [units.shape[1] for units in plan.units]
        # The weights from the group's own features and units.
        firsts = [plan.first + group * plan.size] + [group * plan.size * s for s in slots[1:]]
        own = [
            tf.slice(w[group], [0, 0, first], [plan.size, w.shape[2], plan.size * s])
            for w, first, s in zip(weights, firsts, slots, strict=True)
        ]
        x = tf.zeros([plan.size, n], dtype)
        hidden = [tf.zeros([plan.size * s, n], dtype) for s in slots[1:]]
        i = tf.constant(0)
        while i < plan.size:
            below, new_hidden = x, []
            for w, b, h, s in zip(own[:-1], before[:-1], hidden, slots[1:], strict=True):
                units = self.layer.activation(tf.matmul(w[i], below) + b[i])
                below = put(h, units, i * s)
                new_hidden.append(below)
            hidden = new_hidden
            outputs = tf.matmul(own[-1][i], below) + before[-1][i]
            of_feature = [tf.slice(u, [i, 0], [1, n]) for u in noise]
            x = put(x, self.layer.draw(outputs[None], of_feature), i)
            i += 1
        return x, hidden


def noise_to_data(
    program: FlowProgram,
) -> Callable[[tf.Tensor, Parts, Parts], tf.Tensor]:
    """Return the function ``x = f(u)`` of a whole flow, for a static number of rows.

    Its arguments are ``[N, k D + C]``, k standard normal numbers for each feature and the
    conditions; packed weights; and packed statistics. It returns ``[N, D]``.
    """
    per_feature = 2 if isinstance(program.base, MixtureBase) else 1

    def through(layers: Dealt, x: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        for layer, parts, statistics in reversed(layers):
            if isinstance(layer, MaskedNetwork):
                x = LayerSampler(layer, parts).forward([x], condition)
            else:
                x = layer.forward(x, condition, parts, statistics or [])
        return x

    def forward(rows: tf.Tensor, weights: Parts, statistics: Parts) -> tf.Tensor:
        head, body, tail, of_base = program.deal(weights, statistics)
        columns = tf.transpose(rows)  # a feature is a row, so that each is contiguous
        used = per_feature * program.event_size
        condition = columns[used:] if columns.shape[0] > used else None
        noise = tf.unstack(
            tf.reshape(columns[:used], [program.event_size, per_feature, -1]), axis=1
        )
        x = noise[0]
        if isinstance(program.base, MixtureBase):
            x = LayerSampler(program.base, of_base).forward(noise, condition)
        x = through(tail, x, condition)
        i = tf.constant(program.repeats - 1)
        while i >= 0:
            of_layer = [
                (layer, [w[i] for w in parts], [s[i] for s in statistics or []])
                for layer, parts, statistics in body
            ]
            x = tf.ensure_shape(through(of_layer, x, condition), x.shape)
            i -= 1
        return tf.transpose(through(head, x, condition))

    return forward
