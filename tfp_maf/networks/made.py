"""MADE networks, TFP's ``tfb.AutoregressiveNetwork``, with their masks.

They give the parameters of all autoregressive models of Papamakarios et al. 2017 (arXiv
1705.07057), section 3.1, as functions of the features before (Germain et al. 2015, arXiv
1502.03509).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_maf.networks import masked_dense
from tfp_maf.networks.dense import broadcast_condition, glorot_uniform


class MaskedParameters(tf.Module):
    """MADE with ``params`` outputs per input, each a function of the inputs before it.

    Attributes:
        network: a built ``tfb.AutoregressiveNetwork``.
        activation: the Keras name of the hidden layers' activation.
        condition_size: C, 0 for a network without condition.
    """

    def __init__(
        self,
        event_size: int,
        *,
        params: int,
        hidden_units: Sequence[int],
        activation: str,
        rng: np.random.Generator,
        dtype: str,
        condition_size: int = 0,
    ):
        super().__init__()
        self.activation, self.condition_size = activation, condition_size
        self.network = autoregressive_network(
            event_size,
            params=params,
            hidden_units=hidden_units,
            activation=activation,
            rng=rng,
            dtype=dtype,
            condition_size=condition_size,
        )

    def outputs(self, y: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor:
        """Return raw outputs ``[..., D, params]`` for ``[..., D]`` and ``[..., C]``."""
        return self.network(y, conditional_input=broadcast_condition(condition, y))


def autoregressive_network(
    event_size: int,
    *,
    params: int = 2,
    hidden_units: Sequence[int],
    activation: str,
    rng: np.random.Generator,
    dtype: str,
    condition_size: int = 0,
) -> tfp.bijectors.AutoregressiveNetwork:
    """Return a built ``tfb.AutoregressiveNetwork``.

    Its variables exist on return, so that they can be counted, restored and
    optimised before the first call. Kernels are Glorot uniform, biases zero.

    A condition enters every layer. Into the first layer alone, as the paper's authors have it, it
    would not reach the first feature, whose outputs no hidden unit reaches.
    """
    conditional = {}
    if condition_size:
        conditional = {
            "conditional": True,
            "conditional_event_shape": [condition_size],
            "conditional_input_layers": "all_layers",
        }
    network = tfp.bijectors.AutoregressiveNetwork(
        params=params,
        event_shape=[event_size],
        hidden_units=list(hidden_units),
        activation=activation,
        kernel_initializer=glorot_uniform(rng),
        dtype=dtype,
        **conditional,
    )
    with _keras_default(dtype):
        network.build([None, event_size])
    return network


@contextmanager
def _keras_default(dtype: str) -> Iterator[None]:
    # AutoregressiveNetwork hands its dtype to its dense layers but not to its activations,
    # which would round a float64 network's hidden units to Keras's default, float32.
    previous = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy(dtype)
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(previous)


def dense_layers(
    network: tfp.bijectors.AutoregressiveNetwork,
) -> tuple[list[tf_keras.layers.Dense], list[tf_keras.layers.Dense]]:
    """Return the masked layers of a built network, and the layers of its condition."""
    dense = [x for x in network.submodules if isinstance(x, tf_keras.layers.Dense)]
    order = [variable.ref() for variable in network.trainable_variables]
    ordered = sorted(dense, key=lambda layer: order.index(layer.kernel.ref()))
    return [x for x in ordered if x.use_bias], [x for x in ordered if not x.use_bias]


def kernel_masks(network: tfp.bijectors.AutoregressiveNetwork) -> dict[Any, np.ndarray]:
    """Return the mask of each masked kernel ``[n_in, n_out]`` of a network, by ``variable.ref()``.

    The masks are computed again from the degrees, since TFP keeps its own private.
    """
    kernels = [layer.kernel for layer in dense_layers(network)[0]]
    event_size = int(kernels[0].shape[0])
    degrees = [masked_dense.input_degrees(event_size)]
    for kernel in kernels[:-1]:
        degrees.append(
            masked_dense.hidden_degrees(degrees[-1], int(kernel.shape[1]), event_size=event_size)
        )
    masks = masked_dense.made_masks(degrees, params=network.params)
    return {kernel.ref(): mask for kernel, mask in zip(kernels, masks, strict=True)}
