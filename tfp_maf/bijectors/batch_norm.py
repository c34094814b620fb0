"""Batch normalisation bijector whose density is correct in training, too.

The layer of Papamakarios et al. 2017 (arXiv 1705.07057), section 3.2 and
appendix B, from data ``y`` to noise ``x``::

    x = (y - m) / sqrt(v + eps) * gamma + beta          (inverse, data to noise)
    log |det dx/dy| = sum_d log gamma_d - 1/2 log(v_d + eps)

where ``m`` and ``v`` are the batch's mean and variance in training, and those of the
whole training set in evaluation.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

# Added to the variance; the paper's value, appendix B. Keras would use 1e-3.
EPSILON = 1e-5


def keep_positive(gamma: tf.Tensor) -> tf.Tensor:
    """Return a gamma above zero: the density needs its logarithm."""
    return tf.nn.relu(gamma) + 1e-6


def batch_normalization_layer(*, dtype: str = "float32") -> tf_keras.layers.BatchNormalization:
    """Return the Keras layer that holds ``gamma``, ``beta`` and the statistics.

    ``momentum=0``: the paper keeps no moving average; the statistics are those of the last batch
    seen in training, which must be the whole training set before anything is evaluated.
    """
    return tf_keras.layers.BatchNormalization(
        momentum=0.0,
        epsilon=EPSILON,
        gamma_constraint=keep_positive,
        dtype=dtype,
    )


class BatchNormalization(tfp.bijectors.BatchNormalization):
    """Batch normalisation bijector whose log-determinant is that of the map it applies.

    In training, TFP's ``inverse`` normalises by the batch's variance, but its
    ``forward_log_det_jacobian``, which ``TransformedDistribution.log_prob`` calls, takes the stored
    variance. Here both directions take the variance that the map takes.

    Shapes: ``[..., D]`` to ``[..., D]``; statistics are over all axes but the last. A single event
    ``[D]`` has no variance: in training it raises ValueError.

    Args:
        batchnorm_layer: a ``tf_keras`` layer; :func:`batch_normalization_layer` by default. Two
            bijectors over one layer, one training and one not, share all their variables.
        training: whether the batch's own statistics are used, and stored by the layer's momentum.
    """

    def __init__(
        self,
        batchnorm_layer: tf_keras.layers.BatchNormalization | None = None,
        *,
        training: bool = True,
        name: str = "batch_normalization",
    ):
        super().__init__(batchnorm_layer or batch_normalization_layer(), training, name=name)

    def _built(self, y: tf.Tensor) -> tf_keras.layers.BatchNormalization:
        if not self.batchnorm.built:
            self.batchnorm.build([None, y.shape[-1]])
        return self.batchnorm

    def _statistics(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the mean and variance ``[D]`` that normalise ``y``."""
        layer = self._built(y)
        if not self._training:
            return tf.convert_to_tensor(layer.moving_mean), tf.convert_to_tensor(
                layer.moving_variance
            )
        if y.shape.rank == 1:
            raise ValueError("batch normalisation needs a batch [N, D] in training, got one event")
        return tf.nn.moments(y, axes=list(range(y.shape.rank - 1)))

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        mean, variance = self._statistics(y)
        layer = self.batchnorm
        if self._training:
            for stored, batch in [(layer.moving_mean, mean), (layer.moving_variance, variance)]:
                stored.assign(layer.momentum * stored + (1 - layer.momentum) * batch)
        x = (y - mean) * tf.math.rsqrt(variance + layer.epsilon)
        x = x * layer.gamma if layer.scale else x
        return x + layer.beta if layer.center else x

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        layer = self._built(x)
        x = x - layer.beta if layer.center else x
        x = x / layer.gamma if layer.scale else x
        return x * tf.sqrt(layer.moving_variance + layer.epsilon) + layer.moving_mean

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        _, variance = self._statistics(y)
        terms = -0.5 * tf.math.log(variance + self.batchnorm.epsilon)
        if self.batchnorm.scale:
            terms += tf.math.log(self.batchnorm.gamma)
        return tf.reduce_sum(terms)

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        # The bijector's cache knows which y gave this x, so self.forward neither
        # de-normalises with stored statistics nor updates them a second time.
        return -self._inverse_log_det_jacobian(self.forward(x))

    def set_statistics(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Store the mean and variance ``[D]`` that evaluation uses."""
        self.batchnorm.moving_mean.assign(mean)
        self.batchnorm.moving_variance.assign(variance)
