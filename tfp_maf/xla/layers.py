"""The bijectors of a flow as plain tensor operations on its own variables.

TFP's layers reach the compiler as hundreds of small operations. The same arithmetic,
written out in few and large ones, takes less time (``tests/benchmarks``): each
class here is one bijector of a :class:`~tfp_maf.flows.flow.Flow`, its ``inverse`` that of TFP
(``tests/xla/test_program.py`` compares them). Trained weights are looked up in ``values``, by
``variable.ref()``, so that training may hand in its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_maf.bijectors.affine import ShiftAndLogScale
from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.bijectors.coupling import CouplingNetwork
from tfp_maf.networks.dense import DenseNetwork, bounded
from tfp_maf.networks.made import MaskedParameters, dense_layers
from tfp_maf.xla.block_sparse import Blocks
from tfp_maf.xla.gradients import add_bias, affine, normalise, normalise_together, several

# The parts of each variable, by variable.ref(): one tensor, or a kernel's blocks.
Values = dict[Any, list[tf.Tensor]]
Noise = tuple[tf.Tensor, tf.Tensor]


class Layer:
    """One bijector.

    Attributes:
        variables: those that are trained.
        cuts: for variables of more than one part, by reference, how to take them apart and
            put them together again.
        signature: equal for layers that differ in their weights only; None if there is no
            other like it.
    """

    variables: Sequence[Any] = ()
    cuts: dict[Any, tuple[Callable[..., list[tf.Tensor]], Callable[..., tf.Tensor]]]
    signature: Any = None

    def __init__(self) -> None:
        self.cuts = {}

    def weights(self) -> list[tf.Tensor]:
        """The variables' values."""
        return [tf.convert_to_tensor(variable) for variable in self.variables]

    def values(self, weights: Sequence[tf.Tensor] | None = None) -> Values:
        """These weights, or the layer's own, as parts."""
        weights = self.weights() if weights is None else weights
        values = {}
        for variable, weight in zip(self.variables, weights, strict=True):
            split, _ = self.cuts.get(variable.ref(), (lambda whole: [whole], None))
            values[variable.ref()] = split(weight)
        return values

    def inverse(
        self, x: tf.Tensor, condition: tf.Tensor | None, values: Values, *, training: bool = False
    ) -> Noise:
        """Data ``[N, D]`` to noise ``[N, D]`` and log-determinant's terms, ``[N, n]`` or fewer."""
        raise NotImplementedError


class MaskedNetwork(Layer):
    """A MADE, without the blocks of zeros that its masks leave."""

    def __init__(self, parameters: MaskedParameters, masks: dict[Any, np.ndarray]):
        super().__init__()
        network = parameters.network
        self.activation = tf_keras.activations.get(parameters.activation)
        masked, conditional = dense_layers(network)
        self.kernels = [layer.kernel for layer in masked]
        self.biases = [layer.bias for layer in masked]
        self.condition_kernels = [layer.kernel for layer in conditional]
        params = [1] * (len(masked) - 1) + [network.params]
        self.blocks = [
            Blocks(masks[kernel.ref()], params=p)
            for kernel, p in zip(self.kernels, params, strict=True)
        ]
        self.variables = [*self.kernels, *self.biases, *self.condition_kernels]
        for kernel, blocks in zip(self.kernels, self.blocks, strict=True):
            self.cuts[kernel.ref()] = (blocks.split, blocks.join)
        for variables in (self.biases, self.condition_kernels):
            for variable, blocks in zip(variables, self.blocks, strict=bool(variables)):
                self.cuts[variable.ref()] = (blocks.group, blocks.ungroup)
        self.signature = tuple(tuple(v.shape) for v in self.variables), self.activation

    def outputs(self, x: tf.Tensor, condition: tf.Tensor | None, values: Values) -> tf.Tensor:
        """``[N, D]`` to ``[N, params * D]``, grouped by parameter."""
        h = x
        for i, (kernel, bias, blocks) in enumerate(
            zip(self.kernels, self.biases, self.blocks, strict=True)
        ):
            h = blocks.matmul(h, values[kernel.ref()])
            if condition is not None:
                h += tf.matmul(condition, values[self.condition_kernels[i].ref()][0])
            h = add_bias(h, values[bias.ref()][0])
            if i < len(self.kernels) - 1:
                h = self.activation(h)
        return h


class AutoregressiveLayer(MaskedNetwork):
    """``u = (x - shift) exp(-log_scale)`` (Papamakarios et al. 2017, equation 5)."""

    def __init__(self, parameters: ShiftAndLogScale, masks: dict[Any, np.ndarray]):
        super().__init__(parameters, masks)
        self.bound = parameters.bound
        self.signature = (self.signature, self.bound)

    def inverse(
        self, x: tf.Tensor, condition: tf.Tensor | None, values: Values, *, training: bool = False
    ) -> Noise:
        """See :class:`Layer`."""
        return affine(x, self.outputs(x, condition, values), self.bound)

    def draw(self, outputs: tf.Tensor, noise: Sequence[tf.Tensor]) -> tf.Tensor:
        """``x = u exp(log_scale) + shift`` (equation 3) of some features.

        Args:
            outputs: shift and raw log_scale ``[n, 2, N]``.
            noise: u ``[n, N]``.
        """
        return noise[0] * tf.exp(bounded(outputs[:, 1], self.bound)) + outputs[:, 0]


class CouplingLayer(Layer):
    """``tfb.RealNVP``: some features moved by the others (Dinh et al. 2017, equation 8)."""

    def __init__(self, bijector: Any, network: CouplingNetwork):
        super().__init__()
        self.masked, self.network = bijector._masked_size, network
        self.nets = [network.shift, network.log_scale]
        self.variables = [v for net in self.nets for v in net.trainable_variables]

    def _outputs(
        self, net: DenseNetwork, h: tf.Tensor, values: Values, *, transposed: bool = False
    ) -> tf.Tensor:
        for layer in net.layers:
            kernel, bias = (values[v.ref()][0] for v in (layer.kernel, layer.bias))
            if transposed:
                h = tf.matmul(kernel, h, transpose_a=True) + bias[:, None]
            else:
                h = add_bias(tf.matmul(h, kernel), bias)
            h = layer.activation(h)
        return h

    def inverse(
        self, x: tf.Tensor, condition: tf.Tensor | None, values: Values, *, training: bool = False
    ) -> Noise:
        """See :class:`Layer`."""
        first, last = x[:, : self.masked], x[:, self.masked :]
        kept, moved = (first, last) if self.masked > 0 else (last, first)
        seen = kept if condition is None else tf.concat([kept, condition], axis=1)
        outputs = tf.concat([self._outputs(net, seen, values) for net in self.nets], axis=1)
        moved, log_det = affine(moved, outputs, self.network.bound)
        return tf.concat([kept, moved] if self.masked > 0 else [moved, kept], axis=1), log_det

    def forward(self, u: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Noise ``[D, N]`` and condition ``[C, N]`` to data ``[D, N]``."""
        first, last = u[: self.masked], u[self.masked :]
        kept, moved = (first, last) if self.masked > 0 else (last, first)
        seen = kept if condition is None else tf.concat([kept, condition], axis=0)
        values = self.values()
        shift, raw = (self._outputs(net, seen, values, transposed=True) for net in self.nets)
        moved = moved * tf.exp(bounded(raw, self.network.bound)) + shift
        return tf.concat([kept, moved] if self.masked > 0 else [moved, kept], axis=0)


class Normalisation(Layer):
    """:class:`~tfp_maf.bijectors.batch_norm.BatchNormalization`, in training or after."""

    def __init__(self, bijector: BatchNormalization):
        super().__init__()
        self.layer = bijector.batchnorm
        self.variables = [self.layer.gamma, self.layer.beta]

    def inverse(
        self, x: tf.Tensor, condition: tf.Tensor | None, values: Values, *, training: bool = False
    ) -> Noise:
        """See :class:`Layer`."""
        gamma, beta = (values[v.ref()][0] for v in self.variables)
        if training:
            normalised = normalise_together if several() else normalise
            return normalised(x, gamma, beta, tf.constant(self.layer.epsilon, x.dtype))
        variance = self.layer.moving_variance + tf.constant(self.layer.epsilon, x.dtype)
        scale = gamma * tf.math.rsqrt(variance)
        return scale * (x - self.layer.moving_mean) + beta, tf.math.log(scale)

    def forward(self, u: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Noise ``[D, N]`` to data ``[D, N]``, after training."""
        gamma, beta, mean, variance = (
            v[:, None]
            for v in (*self.variables, self.layer.moving_mean, self.layer.moving_variance)
        )
        deviation = tf.sqrt(variance + tf.constant(self.layer.epsilon, u.dtype))
        return (u - beta) / gamma * deviation + mean


class Permutation(Layer):
    """``tfb.Permute``."""

    def __init__(self, bijector: Any):
        super().__init__()
        self.order = np.argsort(tf.get_static_value(bijector.permutation))
        self.is_reversal = np.array_equal(self.order, np.arange(len(self.order))[::-1])

    def inverse(
        self, x: tf.Tensor, condition: tf.Tensor | None, values: Values, *, training: bool = False
    ) -> Noise:
        """See :class:`Layer`."""
        # XLA gathers element by element, but reverses at the speed of a copy.
        moved = x[:, ::-1] if self.is_reversal else tf.gather(x, self.order, axis=1)
        return moved, tf.zeros([], x.dtype)

    def forward(self, u: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Noise ``[D, N]`` to data ``[D, N]``."""
        return u[::-1] if self.is_reversal else tf.gather(u, np.argsort(self.order))
