"""One layer of a MAF: a masked network that gives shift and log_scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_maf import masked_dense
from tfp_maf.closed_form import bounded


class ShiftAndLogScale(tf.Module):
    """A MADE that gives ``shift`` and a softly bounded ``log_scale``.

    ``log_scale = bound * tanh(a / bound)`` for the network's raw output ``a``:
    the identity near 0, never beyond ``bound``, so that no single row scales
    to infinity. ``bound=None`` is the identity everywhere.

    Args:
        network: of ``params=2``, not yet built.
        bound: in nats, or None.
        activation: the name of the one that the network was given.
    """

    def __init__(
        self,
        network: tfp.bijectors.AutoregressiveNetwork,
        bound: float | None,
        *,
        activation: str,
    ):
        super().__init__()
        self.network = network
        self.bound = bound
        self.activation = activation

    def __call__(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """``[..., D]`` to shift ``[..., D]`` and log_scale ``[..., D]``."""
        shift, log_scale = tf.unstack(self.network(y), num=2, axis=-1)
        return shift, bounded(log_scale, self.bound)


def autoregressive_network(
    event_size: int,
    *,
    hidden_units: Sequence[int],
    activation: str,
    rng: np.random.Generator,
    dtype: str,
) -> tfp.bijectors.AutoregressiveNetwork:
    """A built ``tfb.AutoregressiveNetwork`` of two parameters an input.

    Its variables exist on return, so that they can be counted, restored and
    optimised before the first call. Kernels are Glorot uniform, biases zero.
    """
    network = tfp.bijectors.AutoregressiveNetwork(
        params=2,
        event_shape=[event_size],
        hidden_units=list(hidden_units),
        activation=activation,
        kernel_initializer=_glorot_uniform(rng),
        dtype=dtype,
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


def _glorot_uniform(rng: np.random.Generator) -> Callable[..., tf.Tensor]:
    # Keras's own, given a seed, would start equal shapes with equal weights.
    def initializer(shape: Sequence[int], dtype: tf.DType | None = None) -> tf.Tensor:
        limit = np.sqrt(6 / sum(shape))
        return tf.constant(rng.uniform(-limit, limit, shape), dtype or tf.float32)

    return initializer


def kernel_masks(network: tfp.bijectors.AutoregressiveNetwork) -> dict[str, np.ndarray]:
    """The mask of each kernel ``[n_in, n_out]`` of a built network, by variable reference.

    Computed again by degrees, since TFP keeps its own private.
    """
    kernels = [v for v in network.trainable_variables if v.shape.rank == 2]
    event_size = int(kernels[0].shape[0])
    degrees = [masked_dense.input_degrees(event_size)]
    for kernel in kernels[:-1]:
        degrees.append(
            masked_dense.hidden_degrees(degrees[-1], int(kernel.shape[1]), event_size=event_size)
        )
    masks = masked_dense.made_masks(degrees, params=network.params)
    return {kernel.ref(): mask for kernel, mask in zip(kernels, masks, strict=True)}
