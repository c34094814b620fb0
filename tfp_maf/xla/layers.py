"""Layers of a flow as plain tensor operations whose weights are arguments.

Each class is the counterpart of one bijector of :mod:`tfp_maf.bijectors`, with the same ``inverse``
(``tests/xla/test_program.py`` compares them). A layer holds shapes and masks but no variables:
one compiled program serves every flow of the same architecture, and equal layers of a flow are
one body of a loop (:mod:`tfp_maf.xla.program`).

Trained weights arrive as *parts*: a kernel without its zero blocks, a bias grouped by parameter
(:mod:`tfp_maf.xla.block_sparse`). ``statistics`` are batch normalisation's stored mean and
variance; None, in training, means the batch's own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.bijectors.coupling import CouplingNetwork
from tfp_maf.bijectors.spline import CouplingSplines
from tfp_maf.networks.dense import DenseNetwork, bounded
from tfp_maf.networks.made import MaskedParameters, dense_layers
from tfp_maf.xla.block_sparse import Blocks
from tfp_maf.xla.gradients import (
    Keep,
    activate,
    add_bias,
    affine,
    as_it_is,
    normalise,
    normalise_together,
    several,
)

Parts = Sequence[tf.Tensor]
Noise = tuple[tf.Tensor, tf.Tensor]


class Layer:
    """Arithmetic of one bijector.

    Attributes:
        signature: equal for layers that differ in their weights only.
        weight_shapes: shape of each trained variable.
        num_statistics: number of stored statistics, which are not trained.
        widths: numbers of columns that :meth:`inverse` hands to ``keep``, call by call.
    """

    signature: Hashable
    weight_shapes: Sequence[tuple[int, ...]] = ()
    num_statistics = 0
    widths: Sequence[int] = ()

    def split(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Cut the variables' values into the parts that :meth:`inverse` takes."""
        return list(values)

    def inverse(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        parts: Parts,
        statistics: Parts | None,
        keep: Keep = as_it_is,
    ) -> Noise:
        """Return noise ``[N, D]`` for data ``[N, D]``, and log-determinants ``[N]`` or ``[]``."""
        raise NotImplementedError

    def forward(
        self, u: tf.Tensor, condition: tf.Tensor | None, parts: Parts, statistics: Parts
    ) -> tf.Tensor:
        """Return data ``[D, N]`` for noise ``[D, N]`` and conditions ``[C, N]``."""
        raise NotImplementedError


class MaskedNetwork(Layer):
    """MADE without the blocks of zeros that its masks leave.

    Its variables are, in this order, masked kernels, biases, and the condition's kernels.
    """

    def __init__(self, parameters: MaskedParameters, masks: dict[Any, np.ndarray]):
        masked, conditional = dense_layers(parameters.network)
        self.activation = tf_keras.activations.get(parameters.activation)
        self.params = parameters.network.params
        self.masks = [masks[layer.kernel.ref()] for layer in masked]
        params = [1] * (len(masked) - 1) + [self.params]
        self.blocks = [Blocks(m, params=p) for m, p in zip(self.masks, params, strict=True)]
        self.widths = [blocks.n_out * blocks.params for blocks in self.blocks]
        self.depth = len(masked)
        self.is_conditional = bool(conditional)
        self.weight_shapes = [tuple(v.shape) for v in self.variables_of(parameters)]
        self.signature = (
            type(self).__name__,
            tuple(self.weight_shapes),
            parameters.activation,
            self.params,
        )

    @staticmethod
    def variables_of(parameters: MaskedParameters) -> list[tf.Variable]:
        """Return the variables in the order of the parts."""
        masked, conditional = dense_layers(parameters.network)
        kernels = [layer.kernel for layer in masked]
        return [*kernels, *(x.bias for x in masked), *(x.kernel for x in conditional)]

    def split(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Cut kernels into blocks, and group biases and the condition's kernels by parameter."""
        kernels, rest = values[: self.depth], values[self.depth :]
        cut = [
            part for b, kernel in zip(self.blocks, kernels, strict=True) for part in b.split(kernel)
        ]
        return cut + [self.blocks[i % self.depth].group(value) for i, value in enumerate(rest)]

    def join(self, parts: Parts) -> list[tf.Tensor]:
        """Join parts into the variables' values: the inverse of :meth:`split`."""
        kernels, parts = [], list(parts)
        for blocks in self.blocks:
            kernels.append(blocks.join(parts[: blocks.count]))
            parts = parts[blocks.count :]
        return kernels + [self.blocks[i % self.depth].ungroup(v) for i, v in enumerate(parts)]

    def outputs(
        self, x: tf.Tensor, condition: tf.Tensor | None, parts: Parts, keep: Keep = as_it_is
    ) -> tf.Tensor:
        """Return raw outputs ``[N, params * D]``, grouped by parameter, for ``[N, D]``."""
        parts = list(parts)
        kernels = []
        for blocks in self.blocks:
            kernels.append(parts[: blocks.count])
            parts = parts[blocks.count :]
        h = x
        for i, (blocks, kernel) in enumerate(zip(self.blocks, kernels, strict=True)):
            h = blocks.matmul(h, kernel)
            if condition is not None:
                h += tf.matmul(condition, parts[self.depth + i])
            is_last = i == self.depth - 1
            activation = tf_keras.activations.linear if is_last else self.activation
            h = activate(add_bias(h, parts[i]), activation, keep)
        return h


class AutoregressiveLayer(MaskedNetwork):
    """Layer that moves each feature by what a MADE gives for those before it."""

    def to_noise(self, x: tf.Tensor, outputs: tf.Tensor) -> Noise:
        """Return noise and log-determinants of each feature, ``[N, D]``, for outputs ``[N, n]``."""
        raise NotImplementedError

    def inverse(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        parts: Parts,
        statistics: Parts | None,
        keep: Keep = as_it_is,
    ) -> Noise:
        """See :class:`Layer`."""
        u, log_det = self.to_noise(x, self.outputs(x, condition, parts, keep))
        return u, tf.reduce_sum(log_det, axis=1)


class AffineLayer(AutoregressiveLayer):
    """Affine layer ``u = (x - shift) exp(-log_scale)`` (Papamakarios et al. 2017, equation 5)."""

    def __init__(self, parameters: Any, masks: dict[Any, np.ndarray]):
        super().__init__(parameters, masks)
        self.bound = parameters.bound
        self.signature = (self.signature, self.bound)

    def to_noise(self, x: tf.Tensor, outputs: tf.Tensor) -> Noise:
        """See :class:`AutoregressiveLayer`."""
        return affine(x, outputs, self.bound)

    def draw(self, outputs: tf.Tensor, noise: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return some features ``x = u exp(log_scale) + shift`` (equation 3), ``[n, N]``.

        Args:
            outputs: shift and raw log_scale ``[n, 2, N]``.
            noise: u ``[n, N]``.
        """
        return noise[0] * tf.exp(bounded(outputs[:, 1], self.bound)) + outputs[:, 0]


class ElementwiseLayer(AutoregressiveLayer):
    """Autoregressive layer of any elementwise bijector, such as a spline."""

    def __init__(self, parameters: Any, masks: dict[Any, np.ndarray]):
        super().__init__(parameters, masks)
        self.bijector = parameters.bijector
        self.signature = (self.signature, self.bijector)

    def to_noise(self, x: tf.Tensor, outputs: tf.Tensor) -> Noise:
        """See :class:`AutoregressiveLayer`."""
        by_feature = tf.reshape(outputs, [x.shape[0], self.params, x.shape[1]])
        bijector = self.bijector(tf.linalg.matrix_transpose(by_feature))
        return bijector.inverse(x), bijector.inverse_log_det_jacobian(x, event_ndims=0)

    def draw(self, outputs: tf.Tensor, noise: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return some features ``[n, N]`` from outputs ``[n, params, N]`` and noise ``[n, N]``."""
        return self.bijector(tf.linalg.matrix_transpose(outputs)).forward(noise[0])


class CouplingLayer(Layer):
    """Coupling layer, ``tfb.RealNVP``: some features move the others (Dinh et al. 2017).

    Args:
        bijector: a ``tfb.RealNVP``.
        nets: the networks that see the kept features.
    """

    def __init__(self, bijector: Any, nets: Sequence[DenseNetwork]):
        self.masked = bijector._masked_size
        self.activations = [[layer.activation for layer in net.layers] for net in nets]
        self.weight_shapes = [tuple(v.shape) for v in self.variables_of(nets)]
        self.widths = [shape[1] for shape in self.weight_shapes[::2]]
        self.signature = (
            type(self).__name__,
            self.masked,
            tuple(self.weight_shapes),
            tuple(net.activation for net in nets),
        )

    @staticmethod
    def variables_of(nets: Sequence[DenseNetwork]) -> list[tf.Variable]:
        """Return kernel and bias of each layer, network by network."""
        return [v for net in nets for layer in net.layers for v in (layer.kernel, layer.bias)]

    def to_noise(self, moved: tf.Tensor, outputs: Sequence[tf.Tensor]) -> Noise:
        """Return noise ``[N, m]`` and log-determinants ``[N]`` of the moved features ``[N, m]``."""
        raise NotImplementedError

    def to_data(self, moved: tf.Tensor, outputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the moved features ``[m, N]`` for noise ``[m, N]``."""
        raise NotImplementedError

    def _outputs(
        self, h: tf.Tensor, parts: Parts, *, keep: Keep = as_it_is, transposed: bool = False
    ) -> list[tf.Tensor]:
        results, parts, seen = [], list(parts), h
        for activations in self.activations:
            h = seen
            for activation in activations:
                kernel, bias, *parts = parts
                if transposed:
                    h = activation(tf.matmul(kernel, h, transpose_a=True) + bias[:, None])
                else:
                    h = activate(add_bias(tf.matmul(h, kernel), bias), activation, keep)
            results.append(h)
        return results

    def inverse(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        parts: Parts,
        statistics: Parts | None,
        keep: Keep = as_it_is,
    ) -> Noise:
        """See :class:`Layer`."""
        first, last = x[:, : self.masked], x[:, self.masked :]
        kept, moved = (first, last) if self.masked > 0 else (last, first)
        seen = kept if condition is None else tf.concat([kept, condition], axis=1)
        moved, log_det = self.to_noise(moved, self._outputs(seen, parts, keep=keep))
        return tf.concat([kept, moved] if self.masked > 0 else [moved, kept], axis=1), log_det

    def forward(
        self, u: tf.Tensor, condition: tf.Tensor | None, parts: Parts, statistics: Parts
    ) -> tf.Tensor:
        """See :class:`Layer`."""
        first, last = u[: self.masked], u[self.masked :]
        kept, moved = (first, last) if self.masked > 0 else (last, first)
        seen = kept if condition is None else tf.concat([kept, condition], axis=0)
        moved = self.to_data(moved, self._outputs(seen, parts, transposed=True))
        return tf.concat([kept, moved] if self.masked > 0 else [moved, kept], axis=0)


class AffineCoupling(CouplingLayer):
    """Coupling layer of Real NVP: shift and log_scale from two networks."""

    def __init__(self, bijector: Any, network: CouplingNetwork):
        super().__init__(bijector, [network.shift, network.log_scale])
        self.bound = network.bound
        self.signature = (self.signature, self.bound)

    def to_noise(self, moved: tf.Tensor, outputs: Sequence[tf.Tensor]) -> Noise:
        """See :class:`CouplingLayer`."""
        u, log_det = affine(moved, tf.concat(outputs, axis=1), self.bound)
        return u, tf.reduce_sum(log_det, axis=1)

    def to_data(self, moved: tf.Tensor, outputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """See :class:`CouplingLayer`."""
        shift, raw = outputs
        return moved * tf.exp(bounded(raw, self.bound)) + shift


class ElementwiseCoupling(CouplingLayer):
    """Coupling layer of any elementwise bijector, such as a spline, from one network."""

    def __init__(self, bijector: Any, network: CouplingSplines):
        super().__init__(bijector, [network.network])
        self.bijector, self.n_out = network.bijector, network.n_out
        self.signature = (self.signature, self.bijector)

    def to_noise(self, moved: tf.Tensor, outputs: Sequence[tf.Tensor]) -> Noise:
        """See :class:`CouplingLayer`."""
        bijector = self.bijector(tf.reshape(outputs[0], [moved.shape[0], self.n_out, -1]))
        log_det = bijector.inverse_log_det_jacobian(moved, event_ndims=0)
        return bijector.inverse(moved), tf.reduce_sum(log_det, axis=1)

    def to_data(self, moved: tf.Tensor, outputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """See :class:`CouplingLayer`."""
        rows = tf.reshape(tf.transpose(outputs[0]), [moved.shape[1], self.n_out, -1])
        return tf.transpose(self.bijector(rows).forward(tf.transpose(moved)))


class Normalisation(Layer):
    """Batch normalisation, by the batch's own statistics or by stored ones."""

    num_statistics = 2

    def __init__(self, bijector: BatchNormalization):
        layer = bijector.batchnorm
        self.epsilon, self.gamma_constraint = layer.epsilon, layer.gamma_constraint
        self.weight_shapes = [tuple(layer.gamma.shape)] * 2
        self.signature = (type(self).__name__, self.epsilon, self.gamma_constraint)

    def inverse(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        parts: Parts,
        statistics: Parts | None,
        keep: Keep = as_it_is,
    ) -> Noise:
        """See :class:`Layer`."""
        gamma, beta = parts
        epsilon = tf.constant(self.epsilon, x.dtype)
        if statistics is None:
            return (normalise_together if several() else normalise)(x, gamma, beta, epsilon)
        mean, variance = statistics
        scale = gamma * tf.math.rsqrt(variance + epsilon)
        return scale * (x - mean) + beta, tf.reduce_sum(tf.math.log(scale))

    def forward(
        self, u: tf.Tensor, condition: tf.Tensor | None, parts: Parts, statistics: Parts
    ) -> tf.Tensor:
        """See :class:`Layer`."""
        gamma, beta, mean, variance = (v[:, None] for v in (*parts, *statistics))
        deviation = tf.sqrt(variance + tf.constant(self.epsilon, u.dtype))
        return (u - beta) / gamma * deviation + mean


class Permutation(Layer):
    """Permutation of the columns, ``tfb.Permute``.

    Args:
        order: for each column of the noise, the column of the data that it is.
    """

    def __init__(self, order: np.ndarray):
        self.order = np.asarray(order)
        self.is_reversal = np.array_equal(self.order, np.arange(len(self.order))[::-1])
        self.signature = (type(self).__name__, tuple(self.order.tolist()))

    @property
    def opposite(self) -> Permutation:
        """Permutation that undoes this one."""
        return Permutation(np.argsort(self.order))

    def inverse(
        self,
        x: tf.Tensor,
        condition: tf.Tensor | None,
        parts: Parts,
        statistics: Parts | None,
        keep: Keep = as_it_is,
    ) -> Noise:
        """See :class:`Layer`."""
        # XLA gathers element by element, but reverses at the speed of a copy.
        moved = x[:, ::-1] if self.is_reversal else tf.gather(x, self.order, axis=1)
        return moved, tf.zeros([], x.dtype)

    def forward(
        self, u: tf.Tensor, condition: tf.Tensor | None, parts: Parts, statistics: Parts
    ) -> tf.Tensor:
        """See :class:`Layer`."""
        return u[::-1] if self.is_reversal else tf.gather(u, np.argsort(self.order))
