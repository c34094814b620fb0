"""TFP's own batch normalisation bijector in training, by its old formula and by today's.

In training mode ``tfb.BatchNormalization`` normalises by the batch's variance. Until TFP 0.15,
``TransformedDistribution.log_prob`` added its *inverse* log-determinant, which takes the same
variance: a density. Later versions subtract the *forward* log-determinant, which takes the stored
variance, so that what is maximised is no log-likelihood. The post "Experimenting with
autoregressive flows in TensorFlow Probability" had the old formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_maf.networks.dense import glorot_uniform

tfb, tfd = tfp.bijectors, tfp.distributions

Formula = Literal["inverse", "forward"]


def build_with_tfps_batch_norm(
    event_size: int,
    *,
    num_layers: int,
    hidden_units: Sequence[int],
    activation: str = "tanh",
    batch_norm: bool = True,
    permute: bool = True,
    order: Literal["paper", "post"] = "paper",
    seed: int = 0,
) -> Any:
    """Build a MAF of nothing but TFP's bijectors, such as ``tfb.BatchNormalization``.

    Args:
        event_size: number of columns, D.
        num_layers: number of autoregressive layers.
        hidden_units: sizes of each network's hidden layers.
        activation: name of a Keras activation.
        batch_norm: whether batch normalisation follows each layer.
        permute: whether the columns are reversed between layers.
        order: see :func:`tfp_maf.build_maf`.
        seed: seed of the initial weights.

    Returns:
        A ``tfd.TransformedDistribution`` in training mode.
    """
    bijectors: list[Any] = []
    rng = np.random.default_rng(seed)
    for layer in range(num_layers):
        network = tfb.AutoregressiveNetwork(
            params=2,
            event_shape=[event_size],
            hidden_units=list(hidden_units),
            activation=activation,
            kernel_initializer=glorot_uniform(rng),
        )
        network.build([None, event_size])
        bijectors.append(tfb.MaskedAutoregressiveFlow(network))
        if batch_norm:
            norm = tfb.BatchNormalization()
            norm.batchnorm.build([None, event_size])
            bijectors.append(norm)
        if permute and layer < num_layers - 1:
            bijectors.append(tfb.Permute(list(reversed(range(event_size)))))
    if order == "post":
        bijectors.reverse()
    base = tfd.MultivariateNormalDiag(tf.zeros(event_size))
    return tfd.TransformedDistribution(base, tfb.Chain(bijectors))


def log_prob_by(formula: Formula, distribution: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the ``log_prob`` of a ``tfd.TransformedDistribution`` over vectors, by a formula.

    Args:
        formula: ``"inverse"``: ``log p(u) + log |det du/dx|``, as in TFP until 0.15;
            ``"forward"``: ``log p(u) - log |det dx/du|``, as in TFP 0.25.
        distribution: as from :func:`build_with_tfps_batch_norm`.
    """
    if formula == "forward":
        return distribution.log_prob

    def log_prob(x: tf.Tensor) -> tf.Tensor:
        bijector = distribution.bijector
        noise = distribution.distribution.log_prob(bijector.inverse(x))
        return noise + bijector.inverse_log_det_jacobian(x, event_ndims=1)

    return log_prob


def train_with_tfps_batch_norm(
    distribution: Any,
    x: np.ndarray,
    *,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    formula: Formula = "forward",
    test: np.ndarray | None = None,
    seed: int = 0,
) -> list[float]:
    """Maximise the ``log_prob`` of training mode by a formula, then leave training mode.

    Args:
        distribution: from :func:`build_with_tfps_batch_norm`; changed in place.
        x: training rows ``[N, D]``.
        learning_rate: learning rate of Adam.
        batch_size: number of rows per step.
        epochs: number of epochs.
        formula: see :func:`log_prob_by`.
        test: rows to score after each epoch, in training mode like the post.
        seed: seed of the shuffles.

    Returns:
        What the formula gives, in nats, for the test rows after each epoch; without them, its mean
        over the batches of each epoch.
    """
    log_prob = log_prob_by(formula, distribution)
    variables = distribution.trainable_variables
    optimizer = tf_keras.optimizers.Adam(learning_rate, jit_compile=False)
    optimizer.build(variables)

    @tf.function(jit_compile=True)
    def run_epoch(x: tf.Tensor) -> tf.Tensor:
        step, total = tf.constant(0), tf.constant(0.0)
        while step < len(x) // batch_size:
            batch = tf.slice(x, [step * batch_size, 0], [batch_size, x.shape[1]])
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(log_prob(batch))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            step, total = step + 1, total - loss
        return total / tf.cast(step, tf.float32)

    @tf.function(jit_compile=True)
    def score(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(log_prob(x))

    rng = np.random.default_rng(seed)
    means = []
    for _ in range(epochs):
        mean = run_epoch(tf.constant(x[rng.permutation(len(x))]))
        means.append(float(mean if test is None else score(tf.constant(test))))
    for bijector in distribution.bijector.bijectors:
        if isinstance(bijector, tfb.BatchNormalization):
            bijector._training = False
    return means
