"""Batch normalisation whose density is right while training.

The layer of Papamakarios et al. 2017 (arXiv 1705.07057), section 3.2 and
appendix B, from noise ``x`` to data ``y`` and back::

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
    """The constraint on gamma: the density needs its logarithm."""
    return tf.nn.relu(gamma) + 1e-6


def batch_normalization_layer(*, dtype: str = "float32") -> tf_keras.layers.BatchNormalization:
    """The Keras layer that holds ``gamma``, ``beta`` and the statistics.

    ``momentum=0``: the paper keeps no moving average, the statistics are those
    of the last batch seen in training, which is to be the whole training set
    before anything is evaluated.
    """
    return tf_keras.layers.BatchNormalization(
        momentum=0.0,
        epsilon=EPSILON,
        gamma_constraint=keep_positive,
        dtype=dtype,
    )


class BatchNormalization(tfp.bijectors.BatchNormalization):
    """TFP's bijector, with a forward log-determinant that fits its inverse.

    In training, TFP's ``inverse`` normalises by the batch's variance, but its
    ``forward_log_det_jacobian``, which ``TransformedDistribution.log_prob``
    asks for, takes the stored variance: not the determinant of the map applied.

    Args:
        batchnorm_layer: a ``tf_keras`` layer; :func:`batch_normalization_layer`
            by default. Two bijectors over one layer, training and not, share
            all their variables.
        training: whether the batch's own statistics are used.

    Shapes: ``[..., D]`` to ``[..., D]``, statistics over all axes but the last.
    """

    def __init__(
        self,
        batchnorm_layer: tf_keras.layers.BatchNormalization | None = None,
        *,
        training: bool = True,
        name: str = "batch_normalization",
    ):
        super().__init__(batchnorm_layer or batch_normalization_layer(), training, name=name)

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        # The bijector's cache knows which y gave this x, so self.forward neither
        # de-normalises with stored statistics nor updates them a second time.
        return -self._inverse_log_det_jacobian(self.forward(x))

    def set_statistics(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Stores the mean and variance ``[D]`` that evaluation is to use."""
        self.batchnorm.moving_mean.assign(mean)
        self.batchnorm.moving_variance.assign(variance)
