"""A MAF stack as plain tensor operations on the flow's own variables.

TFP's layers reach the compiler as hundreds of small operations. The same arithmetic,
written out in few and large ones, takes less time (``tests/benchmarks``): each
class here is one bijector of a :class:`~tfp_maf.flows.Flow`, its ``inverse`` that of TFP
(``tests/test_stack.py`` compares them). Trained weights are looked up in ``values``, by
``variable.ref()``, so that training may hand in its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_maf.batch_normalization import BatchNormalization
from tfp_maf.blocks import Blocks
from tfp_maf.closed_form import add_bias, affine, normalise
from tfp_maf.layers import ShiftAndLogScale, kernel_masks

tfb = tfp.bijectors

# The parts of each variable, by variable.ref(): one tensor, or a kernel's blocks.
Values = dict[Any, list[tf.Tensor]]


class AutoregressiveLayer:
    """``u = (x - shift) exp(-log_scale)`` (Papamakarios et al. 2017, equation 5)."""

    def __init__(self, bijector: Any, masks: dict[Any, np.ndarray]):
        (network,) = networks_of(bijector)
        self.bound, self.activation = network.bound, tf_keras.activations.get(network.activation)
        weights = network.network.trainable_variables
        self.kernels, self.biases = weights[0::2], weights[1::2]
        params = [1] * (len(self.kernels) - 1) + [network.network.params]
        self.blocks = [
            Blocks(masks[kernel.ref()], params=p)
            for kernel, p in zip(self.kernels, params, strict=True)
        ]

    @property
    def signature(self) -> Any:
        """Equal for layers that differ in their weights only."""
        shapes = tuple(tuple(kernel.shape) for kernel in self.kernels)
        return shapes, self.activation, self.bound

    def weights(self) -> list[tf.Tensor]:
        """Kernels and biases, by turns."""
        pairs = zip(self.kernels, self.biases, strict=True)
        return [tf.convert_to_tensor(weight) for pair in pairs for weight in pair]

    def values(self, weights: Sequence[tf.Tensor] | None = None) -> Values:
        """These weights, or the layer's own, as parts."""
        weights = self.weights() if weights is None else weights
        values: Values = {}
        for i, blocks in enumerate(self.blocks):
            kernel, bias = weights[2 * i : 2 * i + 2]
            values[self.kernels[i].ref()] = blocks.split(kernel)
            values[self.biases[i].ref()] = blocks.group(bias)
        return values

    def inverse(
        self, x: tf.Tensor, values: Values, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Data ``[N, D]`` to noise ``[N, D]`` and log-determinant's terms ``[N, D]``."""
        h = x
        for kernel, bias, blocks in zip(self.kernels, self.biases, self.blocks, strict=True):
            h = add_bias(blocks.matmul(h, values[kernel.ref()]), values[bias.ref()][0])
            if kernel is not self.kernels[-1]:
                h = self.activation(h)
        return affine(x, h, self.bound)


class Normalisation:
    """:class:`~tfp_maf.batch_normalization.BatchNormalization`, in training or after."""

    def __init__(self, bijector: BatchNormalization):
        self.layer = bijector.batchnorm

    def values(self) -> Values:
        """The layer's gamma and beta."""
        return {v.ref(): [tf.convert_to_tensor(v)] for v in (self.layer.gamma, self.layer.beta)}

    def inverse(
        self, x: tf.Tensor, values: Values, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Data ``[N, D]`` to noise ``[N, D]`` and log-determinant, a scalar or ``[D]``."""
        gamma, beta = (values[v.ref()][0] for v in (self.layer.gamma, self.layer.beta))
        if training:
            return normalise(x, gamma, beta, tf.constant(self.layer.epsilon, x.dtype))
        variance = self.layer.moving_variance + tf.constant(self.layer.epsilon, x.dtype)
        scale = gamma * tf.math.rsqrt(variance)
        return scale * (x - self.layer.moving_mean) + beta, tf.math.log(scale)

    def forward(self, u: tf.Tensor) -> tf.Tensor:
        """Noise ``[D, N]`` to data ``[D, N]``, after training."""
        gamma, beta, mean, variance = (
            v[:, None]
            for v in (
                self.layer.gamma,
                self.layer.beta,
                self.layer.moving_mean,
                self.layer.moving_variance,
            )
        )
        deviation = tf.sqrt(variance + tf.constant(self.layer.epsilon, u.dtype))
        return (u - beta) / gamma * deviation + mean


class Permutation:
    """``tfb.Permute``."""

    def __init__(self, bijector: Any):
        self.order = np.argsort(tf.get_static_value(bijector.permutation))
        self.is_reversal = np.array_equal(self.order, np.arange(len(self.order))[::-1])

    def values(self) -> Values:
        """None."""
        return {}

    def inverse(
        self, x: tf.Tensor, values: Values, *, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Data ``[N, D]`` to noise ``[N, D]`` and 0."""
        # XLA gathers element by element, but reverses at the speed of a copy.
        moved = x[:, ::-1] if self.is_reversal else tf.gather(x, self.order, axis=1)
        return moved, tf.zeros([], x.dtype)

    def forward(self, u: tf.Tensor) -> tf.Tensor:
        """Noise ``[D, N]`` to data ``[D, N]``."""
        return u[::-1] if self.is_reversal else tf.gather(u, np.argsort(self.order))


Layer = AutoregressiveLayer | Normalisation | Permutation


def networks_of(bijector: Any) -> list[ShiftAndLogScale]:
    """The networks of ours that a bijector holds."""
    return [module for module in bijector.submodules if isinstance(module, ShiftAndLogScale)]


def as_layer(bijector: Any, masks: dict[Any, np.ndarray]) -> Layer | None:
    """The bijector as a layer, or None where this file does not write its arithmetic out."""
    if isinstance(bijector, tfb.MaskedAutoregressiveFlow):
        networks = networks_of(bijector)
        if len(networks) != 1:
            return None
        expected = kernel_masks(networks[0].network)
        if any(ref not in masks or (masks[ref] != mask).any() for ref, mask in expected.items()):
            return None
        return AutoregressiveLayer(bijector, masks)
    if isinstance(bijector, BatchNormalization):
        layer = bijector.batchnorm
        return Normalisation(bijector) if layer.center and layer.scale and layer.built else None
    return Permutation(bijector) if isinstance(bijector, tfb.Permute) else None


def read_stack(bijectors: Sequence[Any], masks: dict[Any, np.ndarray]) -> list[Layer] | None:
    """The bijectors, from the data to the noise, as layers; None if one is of another kind."""
    layers = [as_layer(bijector, masks) for bijector in bijectors]
    known = [layer for layer in layers if layer is not None]
    return known if len(known) == len(layers) else None


def log_prob(
    layers: Sequence[Layer], x: tf.Tensor, values: Values | None = None, *, training: bool = False
) -> tf.Tensor:
    """``log p(x)``, ``[N, D]`` to ``[N]``: change of variables, layer by layer.

    Args:
        layers: from the data to the noise.
        x: rows, their number static.
        values: of all weights; by default the flow's own.
        training: whether batch normalisation uses the batch's statistics.
    """
    if values is None:
        values = {ref: parts for layer in layers for ref, parts in layer.values().items()}
    total = tf.zeros([], x.dtype)
    for layer in layers:
        x, log_det = layer.inverse(x, values, training=training)
        total += tf.reduce_sum(log_det, axis=-1) if log_det.shape.rank else log_det
    normal = 0.5 * x**2 + tf.constant(0.5 * np.log(2 * np.pi), x.dtype)
    return total - tf.reduce_sum(normal, axis=1)
