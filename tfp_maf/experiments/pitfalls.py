"""Demonstration of the error in TFP's own batch normalisation bijector, which the post uses.

In training mode ``tfb.BatchNormalization`` normalises by the batch's variance but computes its
log-determinant from the stored variance, so that the training objective is not a log-likelihood.
In everything else this module follows :func:`tfp_maf.build_maf` and :func:`tfp_maf.fit`. The post
is "Experimenting with autoregressive flows in TensorFlow Probability".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

tfb, tfd = tfp.bijectors, tfp.distributions


def build_with_tfps_batch_norm(
    event_size: int, *, num_layers: int, hidden_units: Sequence[int]
) -> Any:
    """Build the paper's MAF with tanh and ``tfb.BatchNormalization``.

    Args:
        event_size: number of columns, D.
        num_layers: number of autoregressive layers.
        hidden_units: sizes of each network's hidden layers.

    Returns:
        A ``tfd.TransformedDistribution`` in training mode.
    """
    bijectors: list[Any] = []
    for layer in range(num_layers):
        network = tfb.AutoregressiveNetwork(
            params=2, event_shape=[event_size], hidden_units=list(hidden_units), activation="tanh"
        )
        network.build([None, event_size])
        norm = tfb.BatchNormalization()
        norm.batchnorm.build([None, event_size])
        bijectors += [tfb.MaskedAutoregressiveFlow(network), norm]
        if layer < num_layers - 1:
            bijectors.append(tfb.Permute(list(reversed(range(event_size)))))
    base = tfd.MultivariateNormalDiag(tf.zeros(event_size))
    return tfd.TransformedDistribution(base, tfb.Chain(bijectors))


def train_with_tfps_batch_norm(
    distribution: Any,
    x: np.ndarray,
    *,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    seed: int = 0,
) -> list[float]:
    """Maximise the ``log_prob`` that TFP reports in training mode, then leave training mode.

    Args:
        distribution: from :func:`build_with_tfps_batch_norm`; changed in place.
        x: training rows ``[N, D]``.
        learning_rate: learning rate of Adam.
        batch_size: number of rows per step.
        epochs: number of epochs.
        seed: seed of the shuffles.

    Returns:
        The mean of that ``log_prob`` over the batches of each epoch, in nats.
    """
    variables = distribution.trainable_variables
    optimizer = tf_keras.optimizers.Adam(learning_rate, jit_compile=False)
    optimizer.build(variables)

    @tf.function(jit_compile=True)
    def run_epoch(x: tf.Tensor) -> tf.Tensor:
        step, total = tf.constant(0), tf.constant(0.0)
        while step < len(x) // batch_size:
            batch = tf.slice(x, [step * batch_size, 0], [batch_size, x.shape[1]])
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(distribution.log_prob(batch))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            step, total = step + 1, total - loss
        return total / tf.cast(step, tf.float32)

    rng = np.random.default_rng(seed)
    means = [float(run_epoch(tf.constant(x[rng.permutation(len(x))]))) for _ in range(epochs)]
    for bijector in distribution.bijector.bijectors:
        if isinstance(bijector, tfb.BatchNormalization):
            bijector._training = False
    return means
