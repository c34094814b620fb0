"""Sampling an autoregressive layer in one network pass, where the rule is D of them.

``x_i = u_i exp(log_scale_i) + shift_i``, both functions of ``x_1..x_{i-1}``. The usual inverse
runs the whole network once a feature, and throws all but one output away. But a hidden unit
of degree d (MADE, section 4.1) only needs the units below it of degree at most d: once x_d is
known, the units of degree d can be computed, for good, and with them the outputs of x_{d+1}.
Each unit is computed once: in all, one pass. (Degrees are given equally many places, so that
shapes are fixed: a layer of fewer units than features costs as much as one of D units.)

Large layers go in groups of degrees: what a group needs from all before it is one
matrix product, and only what its members need from each other is left to small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from tfp_maf.closed_form import bounded
from tfp_maf.degrees import Plan, hidden_degrees
from tfp_maf.stack import AutoregressiveLayer, Layer


def put(into: tf.Tensor, rows: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """``into`` with ``rows`` from row ``first`` on; in place, once compiled."""
    # TensorFlow's public operations for this scatter element by element.
    return tf.ensure_shape(xla.dynamic_update_slice(into, rows, [first, 0]), into.shape)


def take(values: tf.Tensor, places: np.ndarray, *, axis: int = 0) -> tf.Tensor:
    """``tf.gather(values, places)``, flat, where the place after the last gives zeros."""
    padding = [[0, int(i == axis)] for i in range(len(values.shape))]
    return tf.gather(tf.pad(values, padding), places.reshape(-1), axis=axis)


class LayerSampler:
    """The noise-to-data direction of one :class:`~tfp_maf.stack.AutoregressiveLayer`."""

    def __init__(self, layer: AutoregressiveLayer, masks: dict[Any, np.ndarray]):
        self.layer = layer
        of_layer = [masks[kernel.ref()] for kernel in layer.kernels]
        self.plan = Plan.of(hidden_degrees(of_layer), of_layer[0].shape[0])

    def _by_degree(self) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Weights ``[groups, size, slots, inputs]`` and biases ``[groups, size, slots, 1]``."""
        plan = self.plan
        shape = [plan.groups, plan.size]
        padding = plan.first + plan.groups * plan.size - plan.event_size
        weights, biases = [], []
        inputs = np.append(np.arange(plan.event_size), np.full(padding, plan.event_size))[:, None]
        # The outputs that hidden units reach, shift and log_scale of each feature.
        features = inputs[plan.first :]
        outputs = np.where(features < plan.event_size, 2 * features + [[0, 1]], 2 * plan.event_size)
        for kernel, bias, units in zip(
            self.layer.kernels, self.layer.biases, [*plan.units, outputs], strict=True
        ):
            by_degree = take(take(tf.transpose(kernel), units), inputs, axis=1)
            weights.append(tf.reshape(by_degree, [*shape, units.shape[1], inputs.size]))
            biases.append(tf.reshape(take(bias, units), [*shape, units.shape[1], 1]))
            inputs = units
        return weights, biases

    def forward(self, u: tf.Tensor) -> tf.Tensor:
        """Noise ``[D, N]`` to data ``[D, N]``, a column a sample."""
        plan, bound = self.plan, self.layer.bound
        weights, biases = self._by_degree()
        constants = tf.reshape(self.layer.biases[-1], [-1, 2])[: plan.first, :, None]
        known = u[: plan.first] * tf.exp(bounded(constants[:, 1], bound)) + constants[:, 0]
        if plan.first == plan.event_size:
            return known
        rows = plan.groups * plan.size
        u = tf.pad(u[plan.first :], [[0, plan.first + rows - plan.event_size], [0, 0]])
        n = u.shape[1]
        x = tf.concat([known, tf.zeros([rows, n], u.dtype)], axis=0)
        hidden = [tf.zeros([units.size, n], u.dtype) for units in plan.units]
        if plan.groups == 1:
            before = [self._product(weights[0][0], x)] + [
                tf.zeros([1, 1, 1], u.dtype) for _ in hidden
            ]
            before = [b + bias[0] for b, bias in zip(before, biases, strict=True)]
            x, _ = self._group(weights, before, u, tf.constant(0))
            return tf.concat([known, x], axis=0)[: plan.event_size]
        group = tf.constant(0)
        while group < plan.groups:
            before = [
                self._product(w[group], state) + bias[group]
                for w, bias, state in zip(weights, biases, [x, *hidden], strict=True)
            ]
            noise = tf.slice(u, [group * plan.size, 0], [plan.size, n])
            new_x, new_hidden = self._group(weights, before, noise, group)
            x = put(x, new_x, plan.first + group * plan.size)
            hidden = [
                put(h, new, group * new.shape[0]) for h, new in zip(hidden, new_hidden, strict=True)
            ]
            group += 1
        return x[: plan.event_size]

    def _product(self, weights: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """``[size, slots, inputs] @ [inputs, N]`` as one product."""
        size, slots, inputs = weights.shape
        product = tf.matmul(tf.reshape(weights, [size * slots, inputs]), state)
        return tf.reshape(product, [size, slots, -1])

    def _group(
        self, weights: list[tf.Tensor], before: list[tf.Tensor], u: tf.Tensor, group: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The features and units of one group, degree by degree.

        Args:
            weights: by degree, of all groups.
            before: for each layer ``[size, slots, N]``: bias, and what earlier groups give.
            u: the group's noise ``[size, N]``.
            group: which one.
        """
        plan, bound = self.plan, self.layer.bound
        n = u.shape[1]
        slots = [1] + [units.shape[1] for units in plan.units]
        # The weights from the group's own features and units.
        firsts = [plan.first + group * plan.size] + [group * plan.size * s for s in slots[1:]]
        own = [
            tf.slice(w[group], [0, 0, first], [plan.size, w.shape[2], plan.size * s])
            for w, first, s in zip(weights, firsts, slots, strict=True)
        ]
        x = tf.zeros([plan.size, n], u.dtype)
        hidden = [tf.zeros([plan.size * s, n], u.dtype) for s in slots[1:]]
        i = tf.constant(0)
        while i < plan.size:
            below, new_hidden = x, []
            for w, b, h, s in zip(own[:-1], before[:-1], hidden, slots[1:], strict=True):
                units = self.layer.activation(tf.matmul(w[i], below) + b[i])
                below = put(h, units, i * s)
                new_hidden.append(below)
            hidden = new_hidden
            outputs = tf.matmul(own[-1][i], below) + before[-1][i]
            log_scale = bounded(outputs[1:], bound)
            x = put(x, tf.slice(u, [i, 0], [1, n]) * tf.exp(log_scale) + outputs[:1], i)
            i += 1
        return x, hidden


def noise_to_data(
    layers: Sequence[Layer], masks: dict[Any, np.ndarray]
) -> Callable[[tf.Tensor], tf.Tensor]:
    """``x = f(u)`` through a whole stack, ``[N, D]`` to ``[N, D]``, N static."""
    forwards = [
        LayerSampler(layer, masks).forward
        if isinstance(layer, AutoregressiveLayer)
        else layer.forward
        for layer in reversed(layers)
    ]

    def forward(u: tf.Tensor) -> tf.Tensor:
        x = tf.transpose(u)  # a feature is a row, so that each is contiguous
        for layer_forward in forwards:
            x = layer_forward(x)
        return tf.transpose(x)

    return forward
