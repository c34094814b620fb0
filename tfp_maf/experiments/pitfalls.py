"""TFP's own batch norm in a flow, to be seen going wrong.

``tfb.BatchNormalization`` takes the stored variance for its log-determinant where it takes the
batch's for the map: what is maximised then is not a density. Everything else here is as it is in
:func:`tfp_maf.build_maf` and :func:`tfp_maf.fit`.
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
    """The paper's MAF, tanh, with TFP's bijector: a ``tfd.TransformedDistribution``."""
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
    """Maximises what TFP calls the log-likelihood of rows ``[N, D]``, then ends training mode.

    Returns:
        Its mean over each epoch's batches, in nats.
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
